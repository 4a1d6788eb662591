"""Usage: which parts of a graph any output depends on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role
from archlint.record import record


@record
class DeadEnd:
    """A node whose results nothing reads, and the names of the nodes that feed nothing else."""

    node: Node
    feeding: frozenset[str]


@record(slots=False)
class Usage:
    """What is used of a graph: inputs, stored tensors and nodes."""

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
        makers = (self.graph.producers.get(name) for name in self.graph.outputs)
        alive = self._ancestors(node for node in makers if node is not None)
        return tuple(
            DeadEnd(node, frozenset(self._ancestors([node]) - alive - {node.name}))
            for node in self.graph.nodes
            if node.name not in alive and self._used.isdisjoint(node.outputs)
        )

    @cached_property
    def _used(self) -> set[str]:
        return _names_used(self.graph)

    def _ancestors(self, nodes: Iterable[Node]) -> set[str]:
        """Return the names of `nodes` and of every node that they depend on."""
        pending = list(nodes)
        seen = {node.name for node in pending}
        for node in pending:
            for name in self._reads(node):
                maker = self.graph.producers.get(name)
                if maker is not None and maker.name not in seen:
                    seen.add(maker.name)
                    pending.append(maker)
        return seen

    def _reads(self, node: Node) -> Iterable[str]:
        """Return the names that a node uses, also those that graphs inside it use."""
        graphs = self.graph.inner.get(node.name)
        if graphs is None:
            return node.inputs
        return set(node.inputs).union(*map(_names_used, graphs))


def _names_used(graph: Graph) -> set[str]:
    """Return the names that a node, a graph inside or an output of `graph` uses."""
    used = set(graph.outputs).union(*(node.inputs for node in graph.nodes))
    for graphs in graph.inner.values():
        used.update(*map(_names_used, graphs))
    used.discard("")
    return used
