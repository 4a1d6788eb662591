"""A small pattern language for the decomposed forms of framework operators.

A pattern is matched from the tensor that it makes, backwards. It gives names to the tensors that
it meets, so that `made("Mul", X, made("Sigmoid", X))` with `X = Tensor("x")` is x * sigmoid(x)
for one and the same x. Additions and multiplications are matched in either order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations
from math import isclose
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node

_COMMUTATIVE = frozenset({"Add", "Mul"})
_TOLERANCE = 1e-3  # numbers of formulas are stored as float32, and some exporters round them


class Matching(Struct, frozen=True):
    """What has been matched: tensors by the pattern's names for them, and the nodes inside."""

    tensors: Mapping[str, str]
    nodes: tuple[Node, ...] = ()

    def bound(self, label: str, tensor: str) -> Matching | None:
        """Return the matching with one more tensor, None where the label names another one."""
        if label not in self.tensors:
            return replace(self, tensors={**self.tensors, label: tensor})
        return self if self.tensors[label] == tensor else None


class Pattern(Protocol):
    """How a tensor was made."""

    def can_be_of(self, ops: frozenset[str]) -> bool:
        """Whether the pattern can match in a graph with only these operators."""
        ...

    @property
    def maker(self) -> str:
        """The operator of every match, "" where there is more than one or none."""
        ...

    @property
    def makers(self) -> frozenset[str]:
        """The operators without which none of the operands fit, told by who makes them."""
        ...

    def may_fit(self, tensor: str, graph: Graph) -> bool:
        """Whether `tensor` may match, by a quick check of its producer, which rejects most."""
        ...

    def match(self, tensor: str, graph: Graph, so_far: Matching) -> Iterator[Matching]:
        """Yield every match of `tensor`, extending the matching `so_far`."""
        ...


class Tensor(Struct, frozen=True):
    """Any tensor, called `label`; the same one wherever the label stands."""

    label: str

    maker = ""
    makers = frozenset[str]()

    def can_be_of(self, _: frozenset[str]) -> bool:
        """It needs no operator: it may be an input of the model."""
        return True

    def may_fit(self, _: str, __: Graph) -> bool:
        """Any tensor may."""
        return True

    def match(self, tensor: str, _: Graph, so_far: Matching) -> Iterator[Matching]:
        """Bind the tensor to the label."""
        bound = so_far.bound(self.label, tensor)
        if bound is not None:
            yield bound


class Number(Struct, frozen=True):
    """A known scalar: `value`, or any where that is None; in every element if there are more."""

    value: float | None = None

    maker = ""
    makers = frozenset[str]()

    def can_be_of(self, _: frozenset[str]) -> bool:
        """It needs no operator: it may be stored."""
        return True

    def may_fit(self, tensor: str, graph: Graph) -> bool:
        """Whether the contents are known."""
        return tensor in graph.constants

    def match(self, tensor: str, graph: Graph, so_far: Matching) -> Iterator[Matching]:
        """Compare the contents of a constant."""
        contents = graph.constants.get(tensor)
        if contents is None or contents.size == 0 or contents.dtype.kind not in "fiu":
            return
        first = float(contents.reshape(-1)[0])
        if self.value is None:
            if contents.size == 1:
                yield so_far
        elif isclose(first, self.value, rel_tol=_TOLERANCE) and bool((contents == first).all()):
            yield so_far


class Made(Struct, frozen=True):
    """A tensor made by an operator of that name from operands that fit; others may follow.

    `output` is the place of the tensor among what the operator makes, `label` its name.
    """

    op: str
    operands: tuple[Pattern, ...]
    label: str = ""
    output: int = 0

    def can_be_of(self, ops: frozenset[str]) -> bool:
        """Whether the operator is there, and those that make its operands."""
        return self.op in ops and all(each.can_be_of(ops) for each in self.operands)

    @property
    def maker(self) -> str:
        """The operator."""
        return self.op

    @property
    def makers(self) -> frozenset[str]:
        """The operators that make its operands."""
        return frozenset(each.maker for each in self.operands) - {""}

    def may_fit(self, tensor: str, graph: Graph) -> bool:
        """Whether an operator of that name makes it."""
        node = graph.producers.get(tensor)
        return node is not None and node.op == self.op

    def match(self, tensor: str, graph: Graph, so_far: Matching) -> Iterator[Matching]:
        """Look at the node that makes the tensor, and match its operands."""
        node = graph.producers.get(tensor)
        if node is None or node.op != self.op or len(node.inputs) < len(self.operands):
            return
        if node.outputs[self.output : self.output + 1] != (tensor,):
            return
        orders = [order for order in self._orders() if _may_fit(order, node.inputs, graph)]
        start = so_far.bound(self.label, tensor) if self.label else so_far
        if start is None or not orders:
            return
        inside = replace(start, nodes=(*start.nodes, node))
        for order in orders:
            yield from _match_all(order, node.inputs, graph, inside)

    def _orders(self) -> Iterable[tuple[Pattern, ...]]:
        if self.op in _COMMUTATIVE and len(self.operands) == 2:
            return permutations(self.operands)
        return (self.operands,)


class Either(Struct, frozen=True):
    """The first alternative that fits, and the others after it."""

    alternatives: tuple[Pattern, ...]

    def can_be_of(self, ops: frozenset[str]) -> bool:
        """Whether one of them can."""
        return any(each.can_be_of(ops) for each in self.alternatives)

    @property
    def maker(self) -> str:
        """The operator that all alternatives end in."""
        first, *others = {each.maker for each in self.alternatives}
        return "" if others else first

    @property
    def makers(self) -> frozenset[str]:
        """What all alternatives are made of."""
        first, *others = (each.makers for each in self.alternatives)
        return first.intersection(*others)

    def may_fit(self, tensor: str, graph: Graph) -> bool:
        """Whether one of them may."""
        return any(pattern.may_fit(tensor, graph) for pattern in self.alternatives)

    def match(self, tensor: str, graph: Graph, so_far: Matching) -> Iterator[Matching]:
        """Try one alternative after the other."""
        for pattern in self.alternatives:
            yield from pattern.match(tensor, graph, so_far)


def made(op: str, *operands: Pattern, label: str = "", output: int = 0) -> Made:
    """Return the pattern of a tensor that the operator `op` makes from `operands`."""
    return Made(op, operands, label, output)


def either(*alternatives: Pattern) -> Either:
    """Return a pattern that fits where one of several does."""
    return Either(alternatives)


def _may_fit(patterns: tuple[Pattern, ...], tensors: tuple[str, ...], graph: Graph) -> bool:
    pairs = zip(patterns, tensors, strict=False)
    return all(pattern.may_fit(tensor, graph) for pattern, tensor in pairs)


def _match_all(
    patterns: tuple[Pattern, ...], tensors: tuple[str, ...], graph: Graph, so_far: Matching
) -> Iterator[Matching]:
    if not patterns:
        yield so_far
        return
    if not tensors[0]:
        return
    for matching in patterns[0].match(tensors[0], graph, so_far):
        yield from _match_all(patterns[1:], tensors[1:], graph, matching)
