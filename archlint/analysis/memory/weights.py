"""Memory that does not depend on the batch: weights, gradients, optimizer state, copies."""

from __future__ import annotations

from functools import cached_property
from math import prod

from msgspec import Struct

from archlint.analysis.amount import Amount, Unknown
from archlint.analysis.parameters.parameters import Parameter, Parameters
from archlint.analysis.structure.blocks import Blocks
from archlint.analysis.training.optimizer_state import (
    OPTIMIZERS,
    Optimizer,
    state_bytes,
    step_temporaries,
)
from archlint.analysis.training.precision import HALF
from archlint.analysis.training.sharding import Sharding
from archlint.graph.program.modules import Path
from archlint.target import Training

_FLOAT_BYTES = 4
_COUNTER_BYTES = 8  # the updates of a moving average are counted in an int64
_BUCKET_VALUES = 500_000_000
_NORM_BYTES = 2 * _FLOAT_BYTES  # a norm for each gradient, alone and in the list of all


class WeightMemory(Struct, frozen=True, dict=True):
    """Weights, their gradients, the optimizer's states, and copies of the weights.

    `updated` are the parameters that get a gradient; `foreach` tells that the optimizer takes all
    of them at once, as on a GPU. `blocks` are the parts of the network that are gathered one after
    the other where each process has only a part of the weights.
    """

    parameters: Parameters
    updated: tuple[Parameter, ...]
    training: Training
    blocks: Blocks
    foreach: bool

    @cached_property
    def weights(self) -> int:
        """Bytes of the parameters in the precision of the training."""
        if self.training.offload == "parameters":
            return 0
        return sum(self._bytes(entry, "weight") for entry in self.parameters.every)

    @cached_property
    def gradients(self) -> int:
        """Bytes of the gradients of the trained parameters that reach an output.

        Gradients of parameters that are updated on the host are sent there immediately.
        """
        return sum(self.gradient(entry) for entry in self.updated)

    @cached_property
    def states(self) -> Amount:
        """Bytes that the optimizer keeps; unknown where no optimizer is named."""
        optimizer = self._optimizer
        if optimizer is None:
            return Amount(0, 0, (Unknown("", "optimizer", "none is named: --optimizer NAME"),))
        if self.training.offload is not None:
            return Amount()
        return Amount.exact(
            sum(
                state_bytes(optimizer, self._part(entry, "state"), self._state_width(entry))
                for entry in self.updated
            )
        )

    @cached_property
    def copies(self) -> dict[str, int]:
        """Bytes of copies of the weights that are always alive, by kind."""
        training, copies = self.training, {}
        if self._has_masters:
            values = (prod(self._part(entry, "state")) for entry in self.updated)
            copies["master weights"] = _FLOAT_BYTES * sum(values)
        if training.ema:
            held = self.parameters.buffer_bytes + _COUNTER_BYTES
            copies["moving average"] = self.weights + held
        if training.sharding == "ddp" and not training.bucket_views:
            copies["buckets of gradients"] = self.gradients
        return copies

    @cached_property
    def communication(self) -> Amount:
        """Bytes of unsharded tensors during communication between processes.

        Sharded weights are gathered block by block: at least the largest block is alive, at most
        also the next one, its receive buffer, and the gradients of a block before and during
        reduce-scatter. For ZeRO's first two stages it is at most the bucket for the reduction of
        gradients, 5e8 values in DeepSpeed.
        """
        if self._sharding.spreads("weight") or self.training.offload == "parameters":
            outside, largest = self._gathered
            return Amount(max(outside, largest), 3 * outside + 5 * largest)
        if self._sharding.spreads("state"):
            width = max(map(self.width, self.updated), default=0)
            values = sum(entry.value.elements or 0 for entry in self.updated)
            return Amount(0, width * min(values, _BUCKET_VALUES))
        return Amount()

    @property
    def _gathered(self) -> tuple[int, int]:
        """The bytes of whole weights outside of blocks, and those of the largest block."""
        units: dict[Path, int] = {}
        for entry in self.parameters.every:
            unit = self._block_of(entry)
            units[unit] = units.get(unit, 0) + self.width(entry) * (entry.value.elements or 0)
        outside = units.pop((), 0)
        return outside, max(units.values(), default=0)

    @cached_property
    def step(self) -> int:
        """Bytes of temporaries while gradients are clipped and weights are updated."""
        clipping = len(self.updated) * _NORM_BYTES if self.training.clip_norm is not None else 0
        optimizer = self._optimizer
        if optimizer is None or self.training.offload is not None:
            return clipping
        sizes = [
            prod(self._part(entry, "state")) * self._state_width(entry) for entry in self.updated
        ]
        upcast = sum(sizes) if self._has_masters else 0  # gradients in the format of the masters
        return max(clipping, upcast + step_temporaries(optimizer, sizes, foreach=self.foreach))

    @property
    def gradients_persist(self) -> bool:
        """Whether gradients exist before a backward pass begins, which accumulates into them."""
        buckets = self.training.sharding == "ddp" and self.training.bucket_views
        return buckets or self.training.accumulation_steps > 1

    def gradient(self, entry: Parameter) -> int:
        """Return the bytes of one parameter's gradient that stay in this device's memory."""
        return 0 if self.training.offload else self._bytes(entry, "gradient")

    @property
    def gradients_leave(self) -> bool:
        """Whether a gradient is replaced by its part, or sent away, once it is complete."""
        spread = self._sharding.spreads("gradient")
        return spread or self.gradients_persist or self.training.offload is not None

    def width(self, entry: Parameter) -> int:
        """Return the bytes of one value of a parameter, at least one."""
        dtype = entry.value.dtype
        stored = dtype.bits // 8 if dtype is not None else _FLOAT_BYTES
        if stored == _FLOAT_BYTES and self.training.precision in HALF:
            return 2
        return max(stored, 1)

    @property
    def _optimizer(self) -> Optimizer | None:
        return OPTIMIZERS.get(self.training.optimizer) if self.training.optimizer else None

    @property
    def _has_masters(self) -> bool:
        return self.training.master_weights and self.training.precision in HALF

    @cached_property
    def _sharding(self) -> Sharding:
        return Sharding.of(self.training)

    def _block_of(self, entry: Parameter) -> Path:
        """Return the block that a parameter is first used in, () for none."""
        if not entry.uses:
            return ()
        path = self.blocks.path(entry.uses[0].node.name)
        return next((block for block in self.blocks.found if path[: len(block)] == block), ())

    def _part(self, entry: Parameter, what: str) -> tuple[int, ...]:
        sizes = entry.value.sizes
        return (0,) if sizes is None else self._sharding.part(sizes, what)

    def _bytes(self, entry: Parameter, what: str) -> int:
        return self.width(entry) * prod(self._part(entry, what))

    def _state_width(self, entry: Parameter) -> int:
        return _FLOAT_BYTES if self._has_masters else self.width(entry)
