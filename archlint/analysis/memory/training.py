"""Peak memory of a training step, counted in the framework's live tensors."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from archlint.analysis.amount import Amount, largest
from archlint.analysis.memory.backward_walk import BackwardWalk
from archlint.analysis.memory.buffers import buffer_bytes
from archlint.analysis.memory.forward_walk import ForwardWalk
from archlint.analysis.memory.ledger import Ledger
from archlint.analysis.memory.loss import Loss, loss_of
from archlint.analysis.memory.saved import Saved
from archlint.analysis.memory.weights import WeightMemory
from archlint.analysis.parameters.parameters import Parameter, Parameters
from archlint.analysis.structure.blocks import Blocks
from archlint.analysis.training.precision import HALF
from archlint.graph.graph import Graph
from archlint.target import Training

_UPDATE = "in the update"


class TrainingMemory(Struct, frozen=True, dict=True):
    """Weights, gradients, optimizer state, saved activations, and the resulting peak.

    The peak is the largest of three moments: the forward pass with the loss, the worst instant of
    the backward pass, where gradients are allocated while saved tensors are freed, and the step of
    the optimizer.
    For an MLP of L layers of width K on a batch of n, the breakdown adds up to 2LK^2 + LnK values
    without an optimizer's state. The caller holds the model's inputs and outputs and the loss's
    target all the time.

    `blocks` are the repeated parts of the network. `foreach` means that all parameters are updated
    at once, as on a GPU. `upper` is the memory with all layers that the file may hide, `lower` that
    with all weights frozen that may be.
    """

    saved: Saved
    training: Training
    blocks: Blocks
    foreach: bool
    upper: TrainingMemory | None = None
    lower: TrainingMemory | None = None

    @property
    def graph(self) -> Graph:
        """The graph of the operators that the framework ran."""
        return self.saved.graph

    @property
    def parameters(self) -> Parameters:
        """The parameters and buffers of the network."""
        return self.saved.gradients.parameters

    @property
    def weight_bytes(self) -> int:
        """Bytes of the parameters in the precision of the training."""
        return self.weights.weights

    @property
    def gradient_bytes(self) -> int:
        """Bytes of the gradients of the trained parameters that reach an output."""
        return self.weights.gradients

    @cached_property
    def buffer_bytes(self) -> int:
        """Bytes of running statistics and other buffers."""
        return buffer_bytes(self.graph, self.saved.operators, self.parameters)

    @property
    def state_bytes(self) -> Amount:
        """Bytes that the optimizer keeps; unknown where no optimizer is named."""
        return self.weights.states

    @cached_property
    def weights(self) -> WeightMemory:
        """The memory of the weights, which does not depend on the batch."""
        return WeightMemory(
            self.parameters, self._updated, self.training, self.blocks, self.foreach
        )

    @cached_property
    def peak(self) -> Amount:
        """The largest of the three moments."""
        own = self._own_peak
        if self.upper is not None:
            own = own.reaching(self.upper.peak)
        return own if self.lower is None else own.down_to(self.lower.peak)

    @cached_property
    def _own_peak(self) -> Amount:
        return largest(self._moments.values())

    @property
    def moment(self) -> str:
        """The phase of the peak, in words."""
        if self.upper is not None and self.upper.peak.high >= self._own_peak.high:
            return self.upper.moment
        return max(self._moments, key=lambda name: self._moments[name].high)

    @property
    def passing(self) -> int:
        """Bytes at the peak that are in no other part of the breakdown.

        Before and in the backward pass they are the loss and its target, gradients of activations
        and temporaries of operators; in the update, inputs and outputs of the model, and the
        temporaries of the optimizer.
        """
        if self.upper is not None and self.upper.peak.high >= self._own_peak.high:
            return self.upper.passing
        if self.moment == _UPDATE:
            parts = self._always.high + self.gradient_bytes
        else:
            parts = self._resident.high + self.saved.own_total.high
        return max(self._moments[self.moment].high - parts + self._loss.target_bytes, 0)

    @cached_property
    def _moments(self) -> dict[str, Amount]:
        return {
            "in the forward pass": self.forward_peak,
            "at the loss": self.forward_end,
            "in the backward pass": self.backward_peak,
            _UPDATE: self.optimizer_step,
        }

    @cached_property
    def forward_peak(self) -> Amount:
        """What is alive at the worst instant of the forward pass."""
        low, high = ForwardWalk(self.saved, self.blocks).peak
        return self._resident + Amount(low, high, self.saved.unknown)

    @cached_property
    def forward_end(self) -> Amount:
        """What is alive when the loss is known."""
        return self._resident + self._of_walk(ends=True)

    @cached_property
    def backward_peak(self) -> Amount:
        """What is alive at the worst instant of the backward pass."""
        return self._resident + self._of_walk(ends=False)

    @cached_property
    def optimizer_step(self) -> Amount:
        """What is alive while the optimizer updates the weights."""
        held = {self.saved.storages.of(name) for name in (*self.graph.inputs, *self.graph.outputs)}
        held_bytes = sum(self.saved.storages.known_bytes(storage) for storage in held)
        made = self.gradient_bytes + self.weights.step
        resting = Amount(held_bytes, held_bytes, self.saved.unknown)
        return (self._always + resting).plus(made + self._loss.nbytes)

    @property
    def _resident(self) -> Amount:
        """What is alive during both passes."""
        earlier = self.gradient_bytes if self.weights.gradients_persist else 0
        return (self._always + self.weights.communication).plus(earlier)

    @property
    def _always(self) -> Amount:
        """Bytes that are always alive: weights, their copies, buffers, optimizer state, target."""
        copies = sum(self.weights.copies.values())
        rest = self.buffer_bytes + self._loss.target_bytes
        return self.state_bytes.plus(self.weight_bytes + copies + rest)

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
        return loss_of(self.training.loss, outputs, 2 if self.training.precision in HALF else 4)

    def _of_walk(self, *, ends: bool) -> Amount:
        """Return the forward end or the backward peak of the walks with both ends of intervals."""
        forward, backward = zip(*self._walks, strict=True)
        low, high = forward if ends else backward
        return Amount(low, high, self.saved.unknown)

    @cached_property
    def _walks(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The forward end and the backward peak, for both ends of what is kept."""
        exact = all(
            each.own.low == each.own.high and each.rewritten.low == each.rewritten.high
            for each in self.saved.of_node.values()
        )
        low = self._walk(high=False)
        return low, low if exact else self._walk(high=True)

    def _walk(self, *, high: bool) -> tuple[int, int]:
        ledger = Ledger()
        walk = BackwardWalk(self.saved, self.weights, self._loss, ledger, high)
        walk.keep()
        end = ledger.most
        walk.run()
        return end, ledger.most

    @cached_property
    def _updated(self) -> tuple[Parameter, ...]:
        """The parameters that get a gradient."""
        reaching = self.saved.gradients.on(self.parameters.graph).reaching
        return tuple(
            entry
            for entry in self.parameters.every
            if entry.trained and any(use.node.name in reaching for use in entry.uses)
        )
