"""Where a feature map becomes a vector, and how many parameters the layers after it hold."""

from __future__ import annotations

from math import prod

from msgspec import Struct

from archlint.analysis.parameters.parameters import Parameters
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.backward import Backward
from archlint.ops.registry import Operators
from archlint.ops.sliding import has_weighted_windows, spreads_windows

_MAP_AXES = 3  # batch, channels, and at least one of space


class Flattening(Struct, frozen=True):
    """A node that flattens a map of `sizes`, and the `parameters` of all nodes after it.

    The sizes do not include the batch.
    """

    node: Node
    sizes: tuple[int, ...]
    parameters: int


def flattening(graph: Graph, operators: Operators, parameters: Parameters) -> Flattening | None:
    """Return the first flattening after a convolution, None where there is none."""
    convolved = False
    for index, node in enumerate(graph.nodes):
        convolved = convolved or has_weighted_windows(node) or spreads_windows(node)
        sizes = _flattened(node, graph) if convolved else None
        if sizes is not None and _cuts_anew(node, operators):
            behind = graph.nodes[index + 1 :]
            held = sum(parameters.of_node.get(each.name, 0) for each in behind)
            return Flattening(node, sizes, held)
    return None


def _flattened(node: Node, graph: Graph) -> tuple[int, ...] | None:
    """Return the map that a node flattens, judged by its shapes; None for other nodes."""
    if not (node.output and node.inputs and node.inputs[0]):
        return None
    # The batch may be open: only the flattened sizes have to be known.
    before, after = graph.values[node.inputs[0]].shape, graph.values[node.output].shape
    if before is None or after is None or len(before) < _MAP_AXES or len(after) != 2:
        return None
    sizes = tuple(size for size in before[1:] if isinstance(size, int))
    whole = len(sizes) == len(before) - 1 and after[1] == prod(sizes)
    return sizes if whole and prod(sizes[1:]) > 1 else None


def _cuts_anew(node: Node, operators: Operators) -> bool:
    """Whether a node reshapes its input and computes nothing."""
    operator = operators.of(node)
    if operator is None or operator.selection is not None:
        return False
    return operator.backward is Backward.REGROUPS
