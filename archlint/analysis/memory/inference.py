"""Peak memory of activations in inference."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from archlint.analysis.amount import Amount, Unknown, largest, merged
from archlint.analysis.memory.storage import Storages
from archlint.analysis.training.gradients import GradientFlow
from archlint.graph.graph import Graph
from archlint.graph.node import Node


class Moment(Struct, frozen=True):
    """What is alive while one node runs."""

    node: str
    nbytes: int
    tensors: tuple[str, ...]


class InferenceMemory(Struct, frozen=True, dict=True):
    """Liveness of activations in the order of the graph.

    A tensor, the model's input too, is freed after its last use; outputs stay. While an operator
    runs its inputs and its outputs are alive together, so that an MLP of width K needs 2 n K
    values besides its weights. Where a node runs a nested graph, the peak of that graph is added;
    of several branches, the largest.
    """

    graph: Graph
    storages: Storages
    gradients: GradientFlow

    @cached_property
    def peak(self) -> Amount:
        """The largest number of live bytes."""
        most = max((moment.nbytes for moment in self.moments), default=0)
        return Amount(most, most, self._unknown)

    @cached_property
    def worst(self) -> Moment | None:
        """The moment with the most live bytes, the earliest of equals."""
        return max(self.moments, key=lambda moment: moment.nbytes, default=None)

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """What is alive while each node runs."""
        last, made, nested = self._last_uses, self._made, self.graph.inner
        ends: dict[int, list[str]] = {0: [name for name in self.graph.inputs if name not in last]}
        for storage, index in last.items():
            ends.setdefault(index, []).append(storage)
        alive = {name: self._size(name) for name in self.graph.inputs}
        living = sum(alive.values())
        moments = []
        for index, node in enumerate(self.graph.nodes):
            for storage in made[node.name]:
                if last.get(storage, -1) >= index:
                    size = self._size(storage)
                    living += size - alive.get(storage, 0)
                    alive[storage] = size
            inside = self._inside(node).high if node.name in nested else 0
            moments.append(Moment(node.name, living + inside, tuple(alive)))
            for storage in ends.get(index, ()):
                living -= alive.pop(storage, 0)
        return tuple(moments)

    @cached_property
    def _last_uses(self) -> dict[str, int]:
        """The index of the last node that needs each storage; past the end for outputs."""
        last: dict[str, int] = {}
        for index, node in enumerate(self.graph.nodes):
            for name in (*self.graph.operands(node), *node.outputs[:1]):
                if name:
                    last[self.storages.of(name)] = index
        for name in self.graph.outputs:
            last[self.storages.of(name)] = len(self.graph.nodes)
        return last

    @cached_property
    def _made(self) -> dict[str, list[str]]:
        """The storages that each node makes."""
        of, is_stored = self.storages.of, self.gradients.is_stored
        return {
            node.name: [
                name for name in node.outputs if name and of(name) == name and not is_stored(name)
            ]
            for node in self.graph.nodes
        }

    def _size(self, storage: str) -> int:
        return self.storages.known_bytes(storage)  # the others are listed in _unknown

    @cached_property
    def _unknown(self) -> tuple[Unknown, ...]:
        own = self.storages.unknown(self._made)
        inside = (self._inside(self.graph.by_name[name]).unknown for name in self.graph.inner)
        return merged(own, *inside)

    def _inside(self, node: Node) -> Amount:
        """Return the peak bytes of the nested graphs of a node."""
        graphs = self.graph.inner.get(node.name, ())
        return largest(
            InferenceMemory(
                graph, self.storages.inside(graph), self.gradients.inside(node, graph)
            ).peak
            for graph in graphs
        )
