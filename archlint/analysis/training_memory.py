"""The most memory that one step of training takes, at the level of the framework."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from archlint.analysis.amount import Amount, Unknown, largest
from archlint.analysis.backward_walk import BackwardWalk
from archlint.analysis.gradients import GradientFlow
from archlint.analysis.optimizer_state import OPTIMIZERS, Optimizer, state_bytes
from archlint.analysis.parameters import Parameter, Parameters
from archlint.analysis.saved import Saved
from archlint.analysis.storage import Storages
from archlint.graph.graph import Graph


@dataclass(frozen=True)
class TrainingMemory:
    """Weights, gradients, optimizer state, saved activations, and the peak that they lead to.

    The peak is the largest of three moments: the end of the forward pass, the worst instant of the
    backward pass, where gradients appear as saved tensors go, and the step of the optimizer.
    The sum of the breakdown is 2LK^2 + LnK for the MLP of problem set 8, without an optimizer's
    state. `foreach` tells that all parameters are updated at once, as on a GPU.
    """

    graph: Graph
    parameters: Parameters
    gradients: GradientFlow
    storages: Storages
    saved: Saved
    optimizer: str | None
    foreach: bool = False

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of the parameters in the precision of the training."""
        return sum(self._bytes(entry) for entry in self.parameters.trainable.values())

    @cached_property
    def gradient_bytes(self) -> int:
        """Bytes of the gradients of the trained parameters that reach an output."""
        return sum(self._bytes(entry) for entry in self._updated)

    @cached_property
    def state_bytes(self) -> Amount:
        """Bytes that the optimizer keeps; unknown where no optimizer is named."""
        optimizer = self._optimizer
        if optimizer is None:
            return Amount(0, 0, (Unknown("", "optimizer", "no optimizer is given"),))
        return Amount.exact(
            sum(
                state_bytes(optimizer, entry.value.sizes or (), self._width(entry))
                for entry in self._updated
            )
        )

    @cached_property
    def peak(self) -> Amount:
        """The largest of the three moments."""
        return largest((self.forward_end, self.backward_peak, self.step))

    @cached_property
    def forward_end(self) -> Amount:
        """What is alive when the loss is known."""
        return self._resident + self._walk.forward_end

    @cached_property
    def backward_peak(self) -> Amount:
        """What is alive at the worst instant of the backward pass."""
        return self._resident + self._walk.peak

    @cached_property
    def step(self) -> Amount:
        """What is alive while the optimizer updates the weights."""
        return self._resident.plus(self.gradient_bytes + self._step_temporaries)

    @property
    def _resident(self) -> Amount:
        """What is alive all the time: weights, buffers, optimizer state."""
        return self.state_bytes.plus(self.weight_bytes + self.parameters.buffer_bytes)

    @property
    def _optimizer(self) -> Optimizer | None:
        return OPTIMIZERS.get(self.optimizer) if self.optimizer else None

    @property
    def _step_temporaries(self) -> int:
        if self._optimizer is None:
            return 0
        sizes = [self._bytes(entry) for entry in self._updated]
        if self.foreach:
            return self._optimizer.foreach_temporaries * sum(sizes)
        return self._optimizer.temporaries * max(sizes, default=0)

    @cached_property
    def _walk(self) -> BackwardWalk:
        return BackwardWalk(self.graph, self.gradients, self.storages, self.saved, self.parameters)

    @cached_property
    def _updated(self) -> tuple[Parameter, ...]:
        """The parameters that get a gradient."""
        reaching = replace(self.gradients, graph=self.parameters.graph).reaching
        return tuple(
            entry
            for entry in self.parameters.trainable.values()
            if entry.trained and any(use.node.name in reaching for use in entry.uses)
        )

    def _bytes(self, entry: Parameter) -> int:
        return self._width(entry) * (entry.value.elements or 0)

    def _width(self, entry: Parameter) -> int:
        """Return the bytes of one value of a parameter, at least one."""
        dtype = entry.value.dtype
        stored = dtype.bits // 8 if dtype is not None else 4
        return self.storages.float_bytes if stored == 4 else max(stored, 1)
