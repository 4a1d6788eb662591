"""Where shapes begin to depend on the data, as those of what is filtered by a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.ops.registry import Operators


def data_dependent_shapes(graph: Graph, operators: Operators) -> Iterator[Node]:
    """Yield the nodes that make tensors of unknown sizes out of tensors of known sizes.

    Unknown operators are not among them, nor calls that contradict their operator. The sizes of
    the inputs have to be known: otherwise shapes that are computed from them would be, too.
    """
    values = graph.values
    for node in graph.nodes:
        if operators.of(node) is None or node.output in graph.refusals:
            continue
        made = [values[name] for name in node.outputs if name]
        if any(value.dtype is not None and value.sizes is None for value in made):
            read = [values[name] for name in graph.operands(node) if name]
            if all(value.sizes is not None for value in read):
                yield node
