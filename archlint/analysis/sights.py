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
from archlint.ops.links import Links, Sight, Whole
from archlint.ops.operator import Operator
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined
from archlint.record import record

Answer: TypeAlias = "Sight | str"
"""The links of one output, or why they are not known."""


@record
class Sights:
    """The receptive-field facet of every node that was asked for."""

    operators: Operators
    known: dict[int, tuple[Answer, ...]] = field(default_factory=dict)
    _answers: Answers = field(default_factory=Answers)
    _facets: dict[tuple[int, int], Callable[[Call], Sight]] = field(default_factory=dict)

    def of(self, node: Node, graph: Graph) -> tuple[Answer, ...]:
        """Return the answer for each output of a node of `graph`."""
        found = self.known.get(id(node))
        if found is None:
            found = tuple([self._look(node, graph, slot) for slot in range(len(node.outputs))])
            self.known[id(node)] = found
        return found

    def _look(self, node: Node, graph: Graph, slot: int) -> Answer:
        operator = self.operators.of(node)
        if operator is None:
            return f"{node.op} at {node.name} is not known"
        if not node.outputs[slot]:
            return {}
        try:
            if (node.domain, node.op) in self.operators.added:  # a plugin's may look at names, too
                return _sight(operator, slot, Call(node, graph))
            return self._answers.of(self._facet(operator, slot), node, graph)
        except Undetermined as reason:
            return f"{node.op} at {node.name}: {reason}"

    def _facet(self, operator: Operator, slot: int) -> Callable[[Call], Sight]:
        """Return the facet of one output, the same object every time."""
        key = (id(operator), slot)
        if key not in self._facets:
            self._facets[key] = partial(_sight, operator, slot)
        return self._facets[key]


def _sight(operator: Operator, slot: int, call: Call) -> Sight:
    sight = _with_computed_weights(operator.sight(call, slot), call, operator)
    for read in sight:
        call.input(read)  # an Einsum may speak of more than it is given
    return sight


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
