"""What an operator keeps between its forward and its backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gradients:
    """Which inputs of a call need a gradient, and how wide the backend makes its masks.

    `mask_bytes` is the width of a dropout mask's element: PyTorch keeps a float on the CPU and a
    bool on a GPU.
    """

    inputs: Sequence[bool]
    mask_bytes: int = 4

    def __getitem__(self, slot: int) -> bool:
        """Whether input `slot` is there and needs a gradient."""
        return slot < len(self.inputs) and self.inputs[slot]

    @property
    def needed(self) -> bool:
        """Whether the call has a backward pass at all."""
        return any(self.inputs)


@dataclass(frozen=True, slots=True)
class Kept:
    """The storages that autograd keeps for one call.

    `inputs` and `outputs` are slots whose storage is kept (counted once a storage, and not at all
    where it is a parameter or a buffer); `own` is the bytes of tensors that the operator makes
    for itself. `own_high` is the upper end where `own` depends on the backend.
    """

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    own: int = 0
    own_high: int | None = None


NOTHING = Kept()
