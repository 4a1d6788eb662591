"""What is alive at each instant of a forward pass in training."""

from __future__ import annotations

from functools import cached_property

from archlint.analysis.saved import Saved
from archlint.graph.graph import Graph
from archlint.record import record


@record(slots=False)
class ForwardWalk:
    """The worst instant of a forward pass: what is kept so far, and what is still to be used."""

    graph: Graph
    saved: Saved
    high: bool = False

    @cached_property
    def peak(self) -> int:
        """The most bytes of activations that are alive at once."""
        storages, last = self.saved.storages, self._last_uses
        alive = {storages.of(name): self._bytes(name) for name in self.graph.inputs}
        living = sum(alive.values())
        own = most = 0
        for index, node in enumerate(self.graph.nodes):
            kept = self.saved.held[node.name].own
            own += kept.high if self.high else kept.low
            for name in self.saved.made(node):
                living += self._bytes(name) - alive.get(name, 0)
                alive[name] = self._bytes(name)
            transient = self.saved.of_node[node.name].forward_transient
            most = max(most, own + transient + living)
            for name in (*node.inputs, *node.outputs):
                storage = storages.of(name) if name else ""
                if storage in alive and last.get(storage, -1) <= index:
                    living -= alive.pop(storage)
        return most

    @cached_property
    def _last_uses(self) -> dict[str, int]:
        """The index of the last node that needs each storage; past the end for what is kept."""
        storages, end = self.saved.storages, len(self.graph.nodes)
        last: dict[str, int] = {}
        for index, node in enumerate(self.graph.nodes):
            if self.saved.operators.reads_contents(node):
                last.update((storages.of(name), index) for name in node.inputs if name)
        for each in self.saved.held.values():
            last.update((storage, end) for storage in each.storages)
        for name in (*self.graph.inputs, *self.graph.outputs, *self.saved.cached):
            last[storages.of(name)] = end
        return last

    def _bytes(self, name: str) -> int:
        return self.saved.storages.known_bytes(name)  # the others: `Saved.unknown`
