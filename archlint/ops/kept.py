"""Which tensors an operator saves for its backward pass."""

from __future__ import annotations

from collections.abc import Sequence

from archlint.ops.strides import Strides
from archlint.record import record


@record
class Gradients:
    """Which inputs of a call need a gradient, and how the framework holds what it keeps.

    `on_gpu` tells of kernels that keep something else than those of the CPU. `bool_masks` tells
    that dropout keeps bools, as PyTorch does on a GPU, and not numbers. `in_place` tells whether
    activations overwrite their input where they can, None where nobody said it. `strides` are those
    of each input in its storage, None where they are not known: some operators keep a copy of an
    input that is not contiguous. The first input `is_spare` where nobody else needs it, so that it
    may be overwritten.
    """

    inputs: Sequence[bool]
    on_gpu: bool = False
    bool_masks: bool = False
    in_place: bool | None = None
    strides: Sequence[Strides | None] = ()
    is_spare: bool = False

    def __getitem__(self, slot: int) -> bool:
        """Whether input `slot` is there and needs a gradient."""
        return slot < len(self.inputs) and self.inputs[slot]

    @property
    def needed(self) -> bool:
        """Whether the call has a backward pass at all."""
        return any(self.inputs)

    def strides_of(self, slot: int) -> Strides | None:
        """Return the strides of input `slot`, None where they are not known."""
        return self.strides[slot] if slot < len(self.strides) else None


@record
class Kept:
    """The storages that autograd keeps for one call.

    `inputs` and `outputs` are slots whose storage is kept (counted once a storage, and not at all
    where it is a parameter or a buffer); `own` is the bytes of tensors that the operator makes
    for itself. `own_high` is the upper end where `own` is not sure, and `depends_on` says on what
    it depends; one that is `beside_others` counts only where another operator keeps the outputs
    too. `transient` is the bytes of the tensors that the backward pass makes on the way to the
    gradients and drops again;
    `forward_transient` is the same for the forward pass besides its outputs. `transient_after` is
    the same as `transient` at the end of a backward pass that has freed what is kept step by step,
    before the gradients are complete; None where all of it is there to the end. `rewritten` is the
    bytes of a tensor that is written into through a view of it, and `rewritten_high` the same at
    the upper end: its gradient is laid out anew.
    """

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    own: int = 0
    own_high: int | None = None
    depends_on: str = "the library"
    beside_others: bool = False
    transient: int = 0
    forward_transient: int = 0
    transient_after: int | None = None
    rewritten: int = 0
    rewritten_high: int | None = None


NOTHING = Kept()
