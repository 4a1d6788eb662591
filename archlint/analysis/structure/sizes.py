"""The nodes that only work out sizes, as exporters write them between the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.dtype import DType

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.ops.registry import Operators

_WHOLE = frozenset({DType.INT64, DType.INT32})


def without_size_arithmetic(graph: Graph, operators: Operators) -> tuple[Node, ...]:
    """Return the nodes of a graph but those that make sizes of sizes and of literals.

    Sizes are whole numbers in a row. What reads the shape of a tensor is among the nodes: it is a
    reader of that tensor.
    """
    values, nested = graph.values, graph.inner
    sizes, kept = {""}, []
    for node in graph.nodes:
        outputs = node.outputs
        is_made_of_sizes = sizes.issuperset(node.inputs) and node.name not in nested
        if is_made_of_sizes or not operators.reads_contents(node):
            shapes = [(values[name].dtype, values[name].shape) for name in outputs if name]
            if all(
                dtype in _WHOLE and shape is not None and len(shape) < 2 for dtype, shape in shapes
            ):
                sizes.update(outputs)
                if is_made_of_sizes:
                    continue
        kept.append(node)
    return tuple(kept)
