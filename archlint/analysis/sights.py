"""How the outputs of the nodes of a graph look at their inputs, worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import TypeAlias

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role
from archlint.ops.answers import Answers
from archlint.ops.call import Call
from archlint.ops.links import Links, Sight, Whole, same_axes
from archlint.ops.operator import Operator
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined
from archlint.record import record


@record
class Look:
    """How an output looks at the input in one slot.

    `in_place` tells that it reads it element by element, `sums` that it sums over features, and
    `weighted` that the operator has stored weights of its own to multiply them with.
    """

    slot: int
    links: Links
    in_place: bool
    sums: bool
    weighted: bool


Looks: TypeAlias = "tuple[Look, ...] | str"
"""How an output looks at each input that it reads, or why that is not known."""


@record
class Sights:
    """The receptive-field facet of every node that was asked for."""

    operators: Operators
    known: dict[int, tuple[Looks, ...]] = field(default_factory=dict)
    _answers: Answers = field(default_factory=Answers)
    _facets: dict[int, Callable[[Call], tuple[Looks, ...]]] = field(default_factory=dict)

    def of(self, node: Node, graph: Graph) -> tuple[Looks, ...]:
        """Return the answer for each output of a node of `graph`."""
        found = self.known.get(id(node))
        if found is None:
            found = self.known[id(node)] = self._look(node, graph)
        return found

    def _look(self, node: Node, graph: Graph) -> tuple[Looks, ...]:
        operator = self.operators.of(node)
        if operator is None:
            return (f"{node.op} at {node.name} is not known",) * len(node.outputs)
        facet = self._facets.get(id(operator))
        if facet is None:
            facet = self._facets[id(operator)] = partial(_all_looks, operator)
        try:
            if (node.domain, node.op) in self.operators.added:  # a plugin's may look at names, too
                return facet(Call(node, graph))
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
    sight = _with_computed_weights(operator.sight(call, slot), call, operator)
    for read in sight:
        call.input(read)  # an Einsum may speak of more than it is given
    in_place = same_axes(len(call.output(slot).shape or ()))
    return tuple(
        [
            Look(read, links, links == in_place, _sums(links), _is_weighted(operator, call, read))
            for read, links in sight.items()
        ]
    )


def _is_weighted(operator: Operator, call: Call, slot: int) -> bool:
    """Whether all weights that an operator has besides an input are stored."""
    others = [each for each in operator.weights if each != slot and call.has_input(each)]
    return bool(others) and all(call.input(each).role is Role.STORED for each in others)


def _sums(links: Links) -> bool:
    return any(isinstance(link, Whole) and link.features for link in links)


def _with_computed_weights(sight: Sight, call: Call, operator: Operator) -> Sight:
    """Add the links of weights that are computed: every output is taken to read all of them."""
    computed = [
        slot
        for slot in operator.weights + operator.buffers
        if call.has_input(slot) and call.input(slot).role is not Role.STORED
    ]
    if not computed:
        return sight
    weights = {slot: sight[slot] if slot in sight else _all_of(call, slot) for slot in computed}
    return {**weights, **sight}


def _all_of(call: Call, slot: int) -> Links:
    return tuple(Whole(axis) for axis in range(call.rank(slot)))
