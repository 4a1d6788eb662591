"""The nodes that only compute sizes, as exporters insert them between the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.dtype import DType

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.graph.value import Value
    from archlint.ops.registry import Operators


def without_size_arithmetic(graph: Graph, operators: Operators) -> tuple[Node, ...]:
    """Return the nodes of a graph without those that compute sizes from sizes and literals.

    Sizes are integer vectors. A node that reads the shape of a tensor is included, as a consumer of
    that tensor.
    """
    values, nested = graph.values, graph.inner
    sizes, kept = {""}, []
    for node in graph.nodes:
        if _is_row_of_integers(values.get(node.output)):
            is_made_of_sizes = sizes.issuperset(node.inputs) and node.name not in nested
            if (is_made_of_sizes or not operators.reads_contents(node)) and all(
                _is_row_of_integers(values[name]) for name in node.outputs[1:] if name
            ):
                sizes.update(node.outputs)
                if is_made_of_sizes:
                    continue
        kept.append(node)
    return tuple(kept)


def _is_row_of_integers(value: Value | None) -> bool:
    if value is None or (value.dtype is not DType.INT64 and value.dtype is not DType.INT32):
        return False
    return value.shape is not None and len(value.shape) < 2
