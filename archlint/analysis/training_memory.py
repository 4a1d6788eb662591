"""The most memory that one step of training takes, at the level of the framework."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from archlint.analysis.amount import Amount, Unknown, largest
from archlint.analysis.backward_walk import BackwardWalk
from archlint.analysis.forward_walk import ForwardWalk
from archlint.analysis.ledger import Ledger
from archlint.analysis.loss import Loss, loss_of
from archlint.analysis.optimizer_state import OPTIMIZERS, Optimizer, state_bytes, step_temporaries
from archlint.analysis.parameters import Parameter, Parameters
from archlint.analysis.saved import Saved
from archlint.graph.graph import Graph
from archlint.record import record

_LOSS_BYTES = 4


@record(slots=False)
class TrainingMemory:
    """Weights, gradients, optimizer state, saved activations, and the peak that they lead to.

    The peak is the largest of three moments: the forward pass with the loss, the worst instant of
    the backward pass, where gradients appear as saved tensors go, and the step of the optimizer.
    The sum of the breakdown is 2LK^2 + LnK for the MLP of problem set 8, without an optimizer's
    state. The model's inputs and outputs and the loss's target are held by the caller all the time.
    `foreach` tells that all parameters are updated at once, as on a GPU. `graph` is the graph of
    the operators that the framework ran, `more` the same with all layers that the file may hide.
    `float_bytes` is the width of the weights, of their gradients and of the optimizer's states.
    """

    graph: Graph
    parameters: Parameters
    saved: Saved
    optimizer: str | None
    loss: str | None = None
    foreach: bool = False
    more: TrainingMemory | None = None
    float_bytes: int = 4

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of the parameters in the precision of the training."""
        return sum(self._bytes(entry) for entry in self.parameters.every)

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
        own = largest((self.forward_peak, self.forward_end, self.backward_peak, self.step))
        if self.more is None:
            return own
        return Amount(own.low, max(own.high, self.more.peak.high), own.unknown)

    @cached_property
    def forward_peak(self) -> Amount:
        """What is alive at the worst instant of the forward pass."""
        low, high = (ForwardWalk(self.graph, self.saved, high).peak for high in (False, True))
        return self._resident + Amount(low, high, self.saved.total.unknown)

    @cached_property
    def forward_end(self) -> Amount:
        """What is alive when the loss is known."""
        return (self._resident + self._of_walk(ends=True)).plus(self.saved.copies)

    @cached_property
    def backward_peak(self) -> Amount:
        """What is alive at the worst instant of the backward pass."""
        return (self._resident + self._of_walk(ends=False)).plus(self.saved.copies)

    @cached_property
    def step(self) -> Amount:
        """What is alive while the optimizer updates the weights."""
        held = {self.saved.storages.of(name) for name in (*self.graph.inputs, *self.graph.outputs)}
        held_bytes = sum(self.saved.storages.known_bytes(storage) for storage in held)
        temporaries = 0
        if self._optimizer is not None:
            sizes = [self._bytes(entry) for entry in self._updated]
            temporaries = step_temporaries(self._optimizer, sizes, foreach=self.foreach)
        return self._resident.plus(self.gradient_bytes + held_bytes + _LOSS_BYTES + temporaries)

    @property
    def _resident(self) -> Amount:
        """What is alive all the time: weights, buffers, optimizer state, the target of the loss."""
        always = self.weight_bytes + self.parameters.buffer_bytes + self._loss.target_bytes
        return self.state_bytes.plus(always)

    @cached_property
    def _loss(self) -> Loss:
        values = [self.graph.values[name] for name in self.graph.outputs]
        outputs = tuple(
            (
                value.sizes or (),
                self.saved.storages.known_bytes(value.name) // max(value.elements or 1, 1),
            )
            for value in values
            if value.sizes is not None
        )
        return loss_of(self.loss, outputs)

    @property
    def _optimizer(self) -> Optimizer | None:
        return OPTIMIZERS.get(self.optimizer) if self.optimizer else None

    def _of_walk(self, *, ends: bool) -> Amount:
        """Return the forward end or the backward peak of the walks with both ends of intervals."""
        forward, backward = zip(*self._walks, strict=True)
        low, high = forward if ends else backward
        return Amount(low, high, self.saved.total.unknown)

    @cached_property
    def _walks(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The forward end and the backward peak, for both ends of what is kept."""
        exact = all(each.own.low == each.own.high for each in self.saved.of_node.values())
        low = self._walk(high=False)
        return low, low if exact else self._walk(high=True)

    def _walk(self, *, high: bool) -> tuple[int, int]:
        ledger = Ledger()
        walk = BackwardWalk(self.graph, self.saved, self.parameters, self._loss, ledger, high)
        walk.keep()
        end = ledger.most
        walk.run()
        return end, ledger.most

    @cached_property
    def _updated(self) -> tuple[Parameter, ...]:
        """The parameters that get a gradient."""
        reaching = replace(self.saved.gradients, graph=self.parameters.graph).reaching
        return tuple(
            entry
            for entry in self.parameters.every
            if entry.trained and any(use.node.name in reaching for use in entry.uses)
        )

    def _bytes(self, entry: Parameter) -> int:
        return self._width(entry) * (entry.value.elements or 0)

    def _width(self, entry: Parameter) -> int:
        """Return the bytes of one value of a parameter, at least one."""
        dtype = entry.value.dtype
        stored = dtype.bits // 8 if dtype is not None else 4
        return self.float_bytes if stored == 4 else max(stored, 1)
