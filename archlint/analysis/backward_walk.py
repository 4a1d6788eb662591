"""What is alive at each instant of a forward and a backward pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from archlint.analysis.amount import Amount
from archlint.analysis.gradients import GradientFlow
from archlint.analysis.parameters import Parameters
from archlint.analysis.saved import Saved
from archlint.analysis.storage import Storages
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.undetermined import Undetermined


@dataclass(frozen=True)
class BackwardWalk:
    """The live bytes of activations and gradients, besides weights and optimizer state.

    The walk visits the operators in reverse. While one runs, alive are: what it and all operators
    before it keep, the gradient of its output, the gradients of its inputs that it makes, and the
    gradients of parameters made so far. Then what only it kept is freed.
    """

    graph: Graph
    gradients: GradientFlow
    storages: Storages
    saved: Saved
    parameters: Parameters

    @cached_property
    def forward_end(self) -> Amount:
        """What is kept, and the outputs, when the forward pass ends."""
        held = {storage for each in self.saved.of_node.values() for storage in each.storages}
        outputs = {self.storages.of(name) for name in self.graph.outputs} - held
        inputs = {self.storages.of(name) for name in self.graph.inputs} - held
        return self.saved.total.plus(sum(self._size(name) for name in outputs | inputs))

    @cached_property
    def peak(self) -> Amount:
        """The largest instant of the backward pass."""
        unknown = self.saved.total.unknown
        low = high = 0
        for instant_low, instant_high in self._instants():
            low, high = max(low, instant_low), max(high, instant_high)
        return Amount(low, high, unknown)

    def _instants(self) -> list[tuple[int, int]]:
        users = Counter(
            storage for each in self.saved.of_node.values() for storage in each.storages
        )
        inputs = {self.storages.of(name) for name in self.graph.inputs}
        kept_low, kept_high = self.forward_end.low, self.forward_end.high
        alive: dict[str, int] = {}  # gradients of activations, by tensor
        parameter_gradients: dict[str, int] = {}
        for name in self.graph.outputs:
            if name in self.gradients.needed:
                alive[name] = self._size(name)
        instants = []
        for node in reversed(self.graph.nodes):
            flags = self.gradients.of(node)
            if not flags.needed:
                continue
            self._make_gradients(node, alive, parameter_gradients)
            made = sum(alive.values()) + sum(parameter_gradients.values())
            instants.append((kept_low + made, kept_high + made))
            for name in node.outputs:
                alive.pop(name, None)
            saved = self.saved.of_node[node.name]
            kept_low -= saved.own.low
            kept_high -= saved.own.high
            for storage in saved.storages:
                users[storage] -= 1
                if users[storage] == 0 and storage not in inputs:
                    kept_low -= self._size(storage)
                    kept_high -= self._size(storage)
        return instants

    def _make_gradients(
        self, node: Node, alive: dict[str, int], parameter_gradients: dict[str, int]
    ) -> None:
        flags = self.gradients.of(node)
        operator = self.saved.operators.of(node)
        views = operator is not None and operator.view is not None
        for slot, name in enumerate(node.inputs):
            if not flags[slot]:
                continue
            root = self.parameters.origins.get(name)
            if root is not None and root in self.parameters.trainable:
                parameter_gradients[root] = self._size(root)
            elif name not in alive:
                # The gradient of a view is a view of the gradient.
                passed = sum(alive.pop(output, 0) for output in node.outputs) if views else 0
                alive[name] = passed or self._size(name)

    def _size(self, name: str) -> int:
        try:
            return self.storages.nbytes(name)
        except Undetermined:
            return 0  # named among the unknown parts of what is saved
