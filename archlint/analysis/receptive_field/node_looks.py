"""The receptive-field links of all nodes of a graph, for the walks along it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial
from typing import TypeAlias

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role, Shape
from archlint.ops.answers import Answers
from archlint.ops.call import Call
from archlint.ops.links import InputLinks, Link, Links, Regroup, Stage, Through, Whole, same_axes
from archlint.ops.operator import Operator
from archlint.ops.reach import IDENTITY
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined


class Look(Struct, frozen=True):
    """How an output reads the input in one slot.

    `stages` are the steps that its `links` consist of. The axes in `kept` are passed on unchanged;
    a look that `is_pointwise` reads element by element, and so preserves all axes. It `sums` where
    it sums over features, and is `weighted` where the operator multiplies them by stored weights.
    """

    slot: int
    links: Links
    stages: tuple[Stage, ...]
    kept: frozenset[int]
    is_pointwise: bool
    sums: bool
    weighted: bool


Looks: TypeAlias = "tuple[Look, ...] | str"
"""The looks of an output at each input that it reads, or why they are not known."""


class NodeLooks(Struct, frozen=True, eq=False, dict=True):
    """The receptive-field links of nodes, evaluated once for all equal calls."""

    operators: Operators

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self.operators)

    @cached_property
    def _facets(self) -> dict[tuple[str, str], Callable[[Call], tuple[Looks, ...]]]:
        return {}

    def of(self, node: Node, graph: Graph) -> tuple[Looks, ...]:
        """Return the answer for each output of a node of `graph`."""
        operator = self.operators.of(node)
        if operator is None:
            return (f"{node.op} at {node.name} is not known",) * len(node.outputs)
        key = (node.domain, node.op)
        facet = self._facets.get(key)
        if facet is None:
            facet = self._facets[key] = partial(_all_looks, operator)
        try:
            return self._answers.of(facet, node, graph)
        except Undetermined:  # the reason names the tensors of this call
            call = Call(node, graph)
            return tuple(
                [_looks_or_reason(operator, slot, call) for slot in range(len(node.outputs))]
            )


def _looks_or_reason(operator: Operator, slot: int, call: Call) -> Looks:
    try:
        return _looks(operator, slot, call)
    except Undetermined as reason:
        return f"{call.node.op} at {call.node.name}: {reason}"


def _all_looks(operator: Operator, call: Call) -> tuple[Looks, ...]:
    return tuple([_looks(operator, slot, call) for slot in range(len(call.node.outputs))])


def _looks(operator: Operator, slot: int, call: Call) -> tuple[Look, ...]:
    if not call.has_output(slot):
        return ()
    by_slot = _with_computed_weights(operator.links(call, slot), call, operator)
    for read in by_slot:
        call.input(read)  # the equation of an Einsum may have more terms than there are inputs
    after = call.output(slot).shape or ()
    return tuple(
        [
            _look(read, way, after, _is_weighted(operator, call, read))
            for read, links in by_slot.items()
            for way in _ways(links)
        ]
    )


@lru_cache(maxsize=1024)  # also for facets that look around, which are asked for each call
def _look(slot: int, links: Links, after: Shape, weighted: bool) -> Look:
    return Look(
        slot,
        links,
        _stages(links, after),
        _kept(links),
        is_pointwise=links == same_axes(len(after)),
        sums=_sums(links),
        weighted=weighted,
    )


def _ways(links: Links) -> Sequence[Links]:
    """Return the links of the global path, and those of the local path beside it."""
    if not any(isinstance(link, Whole) and link.own is not None for link in links):
        return (links,)
    return (links, tuple([_own(link) for link in links]))


def _own(link: Link | Stage) -> Link | Stage:
    if isinstance(link, Whole) and link.own is not None:
        return Through(link.source, link.own)
    return link


def _stages(links: Links, after: Shape) -> tuple[Stage, ...]:
    plain = tuple([link for link in links if not isinstance(link, Stage)])
    if len(plain) == len(links):
        return (Stage(plain, after),)
    return tuple([link for link in links if isinstance(link, Stage)])


def _kept(links: Links) -> frozenset[int]:
    """Return the axes along which every position reads exactly its own position."""
    sources: list[int] = []
    for link in links:
        if isinstance(link, Stage):
            return frozenset()
        sources += link.sources if isinstance(link, Regroup) else (link.source,)
    return frozenset(
        link.source
        for link in links
        if isinstance(link, Through)
        and link.source == link.target
        and link.reach is IDENTITY
        and sources.count(link.source) == 1
    )


def _is_weighted(operator: Operator, call: Call, slot: int) -> bool:
    """Whether all weights of an operator are stored."""
    others = [each for each in operator.weights if each != slot and call.has_input(each)]
    return bool(others) and all(call.input(each).role is Role.STORED for each in others)


def _sums(links: Links) -> bool:
    return any(isinstance(link, Whole) and link.features for link in links)


def _with_computed_weights(by_slot: InputLinks, call: Call, operator: Operator) -> InputLinks:
    """Add the links of computed weights: every output is assumed to read all of them."""
    computed = [
        slot
        for slot in operator.weights + operator.buffers
        if call.has_input(slot) and call.input(slot).role is not Role.STORED
    ]
    if not computed:
        return by_slot
    weights = {slot: by_slot[slot] if slot in by_slot else _all_of(call, slot) for slot in computed}
    return {**weights, **by_slot}


def _all_of(call: Call, slot: int) -> Links:
    return tuple(Whole(axis) for axis in range(call.rank(slot)))
