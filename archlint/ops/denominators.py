"""What normalizations that are written out divide by, and the epsilon that keeps it from zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node

_DEEPEST = 24
_MOVES = frozenset(
    {"Identity", "Cast", "CastLike", "Expand", "Reshape", "Unsqueeze", "Squeeze", "Transpose"}
)
_MEANS = frozenset({"ReduceMean", "GlobalAveragePool"})
_REDUCES = _MEANS | {"ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2"}
_LARGEST_EPSILON = 0.1


class Epsilon(Struct, frozen=True):
    """A number that is added to a denominator, or that is its least value.

    `node` adds the stored number `tensor`, or compares with it.
    """

    node: Node
    tensor: str
    value: float


class Denominator(Struct, frozen=True):
    """What a normalization divides by: a reduction of tensors, such as the root of a mean square.

    `node` is the division, `reduction` the mean or the sum. `square` computes what is averaged,
    where that is a square, and `epsilons` are in the order of the computation.
    """

    node: Node
    reduction: Node
    square: Node | None
    epsilons: tuple[Epsilon, ...]

    @property
    def source(self) -> str:
        """The tensor that is reduced, before it is squared."""
        return (self.square or self.reduction).inputs[0]

    @property
    def divides_source(self) -> bool:
        """Whether a tensor is divided by its own length, which cancels its scale."""
        return self.node.op == "Div" and self.node.inputs[0] == self.source

    @property
    def is_mean(self) -> bool:
        """Whether it comes from a mean, as in layer norm, and not from the length of a vector."""
        return self.reduction.op in _MEANS


def denominators(graph: Graph) -> Iterator[Denominator]:
    """Yield what the normalizations of a graph divide by, in the order of the graph."""
    for node in graph.nodes:
        divisor = _divisor(node, graph.constants) if node.inputs else None
        found = None if divisor is None else _Walk(graph).back(node, divisor)
        if found is not None:
            yield found


def _divisor(node: Node, constants: Mapping[str, np.ndarray]) -> str | None:
    """Return what a node divides by; None for nodes that divide by nothing computed."""
    if node.op == "Reciprocal":
        return node.inputs[0]
    if node.op == "Div" and len(node.inputs) == 2:
        return node.inputs[1]
    if node.op == "Pow" and len(node.inputs) == 2:
        exponent = _number(node.inputs[1], constants)
        return node.inputs[0] if exponent is not None and exponent < 0 else None
    return None


class _Walk(Struct, frozen=True):
    graph: Graph

    def back(self, division: Node, name: str) -> Denominator | None:
        """Go back from a divisor to the reduction that it comes from, past epsilons and roots."""
        epsilons: list[Epsilon] = []
        for _ in range(_DEEPEST):
            node = self.graph.producers.get(name)
            if node is None or not node.inputs:
                return None
            if node.op in _REDUCES:
                square = self._square(node)
                return Denominator(division, node, square, tuple(reversed(epsilons)))
            before = self._before(node, epsilons)
            if before is None:
                return None
            name = before
        return None

    def _before(self, node: Node, epsilons: list[Epsilon]) -> str | None:
        """Return what a node makes a divisor from; an epsilon of it is added to `epsilons`."""
        if node.op == "Sqrt" or node.op in _MOVES:
            return node.inputs[0]
        if node.op == "Clip":
            least = node.inputs[1] if len(node.inputs) > 1 else ""
            return self._guarded(node, node.inputs[0], least, epsilons)
        if len(node.inputs) != 2:
            return None
        constants = [_number(name, self.graph.constants) for name in node.inputs]
        known = [slot for slot, value in enumerate(constants) if value is not None]
        if len(known) != 1:
            return None
        other, number = node.inputs[1 - known[0]], node.inputs[known[0]]
        if node.op in {"Add", "Max"}:
            return self._guarded(node, other, number, epsilons)
        # A count, as in the variance of a sample, or an exponent of one half.
        return other if node.op in {"Mul", "Div", "Pow"} and known[0] == 1 else None

    def _guarded(self, node: Node, other: str, number: str, epsilons: list[Epsilon]) -> str | None:
        value = _number(number, self.graph.constants)
        if value is None or not 0 <= value <= _LARGEST_EPSILON:
            return None
        epsilons.append(Epsilon(node, number, value))
        return other

    def _square(self, reduction: Node) -> Node | None:
        """Return the node whose squares are averaged."""
        node = self.graph.producers.get(reduction.inputs[0])
        if node is None or len(node.inputs) != 2:
            return None
        power = _number(node.inputs[1], self.graph.constants) if node.op == "Pow" else None
        is_square = power == 2 or (node.op == "Mul" and node.inputs[0] == node.inputs[1])
        return node if is_square else None


def _number(name: str, constants: Mapping[str, np.ndarray]) -> float | None:
    """Return a known number, also one that is repeated in every element."""
    contents = constants.get(name)
    if contents is None or contents.size == 0 or contents.dtype.kind not in "fiu":
        return None
    first = float(contents.reshape(-1)[0])
    return first if contents.size == 1 or bool((contents == first).all()) else None
