"""Which parts of a graph any output depends on."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import cached_property

from msgspec import Struct

from archlint.frontends.properties import REPLACES
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role

# Nodes before a dead end that are counted at most, since a file may have many dead ends.
_MOST = 100


class DeadEnd(Struct, frozen=True):
    """A node whose results nothing reads, and the names of the nodes that only lead to it.

    Of very many, only the nearest are named, and `all` is false.
    """

    node: Node
    feeding: frozenset[str]

    @property
    def all(self) -> bool:
        """Whether every node that only leads here is named."""
        return len(self.feeding) < _MOST


class Usage(Struct, frozen=True, dict=True):
    """The used and unused inputs, stored tensors and nodes of a graph."""

    graph: Graph

    @cached_property
    def unused_inputs(self) -> tuple[str, ...]:
        """The inputs that nothing reads."""
        return tuple(name for name in self.graph.inputs if name not in self._used)

    @cached_property
    def unused_weights(self) -> tuple[str, ...]:
        """The stored tensors that nothing reads."""
        return tuple(
            name
            for name, value in self.graph.values.items()
            if value.role is Role.STORED and name not in self._used
        )

    @cached_property
    def dead_ends(self) -> tuple[DeadEnd, ...]:
        """The nodes at the end of chains that reach no output."""
        alive = self._alive()
        return tuple(
            DeadEnd(node, frozenset(self._feeding(node, alive) - {node.name}))
            for node in self.graph.nodes
            if node.name not in alive and self._used.isdisjoint(node.outputs)
        )

    @cached_property
    def _used(self) -> frozenset[str]:
        """The names that a node, a nested graph or an output uses."""
        return frozenset((*self.graph.consumers, *self.graph.outputs, *self._replaced))

    @cached_property
    def _replaced(self) -> frozenset[str]:
        """The tensors of the file that another batch size replaced, which the file itself uses."""
        stood_for = (weight.metadata.get(REPLACES) for weight in self.graph.weights.values())
        return frozenset(name for name in stood_for if name)

    def _alive(self) -> set[str]:
        """Return the names of the nodes that an output depends on."""
        graph, nested = self.graph, self.graph.inner
        needed, alive = {*graph.outputs, *self._replaced}, set[str]()
        needed.discard("")
        for node in reversed(graph.nodes):
            if not needed.isdisjoint(node.outputs):
                alive.add(node.name)
                needed.update(graph.operands(node) if node.name in nested else node.inputs)
                needed.discard("")  # an absent input is not a tensor
        return alive

    def _feeding(self, end: Node, alive: AbstractSet[str]) -> set[str]:
        """Return the names of a node and of the nodes it depends on, except alive ones.

        The search stops at the maximum count.
        """
        pending, seen = [end], {end.name}
        for node in pending:
            if len(seen) > _MOST:
                break
            for name in self.graph.operands(node):
                maker = self.graph.producers.get(name)
                if maker is not None and maker.name not in seen and maker.name not in alive:
                    seen.add(maker.name)
                    pending.append(maker)
        return seen
