"""Which tensors an operator saves for its backward pass."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from archlint.ops.strides import Strides


class Gradients(Struct, frozen=True):
    """Which inputs of a call need a gradient, and how the framework runs the call.

    `on_gpu` selects GPU kernels, some of which save other tensors than those of the CPU.
    `bool_masks` means that dropout saves masks of bools, as PyTorch does on a GPU. `in_place` says
    whether activations overwrite their input where they can; None where that is not known.
    `strides` are those of each input in its storage, None where they are not known: some operators
    save a copy of an input that is not contiguous. The first input `is_spare` where nothing else
    needs it, so that it may be overwritten.
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


class SavedTensors(Struct, frozen=True):
    """The tensors that autograd saves for one call.

    `inputs` and `outputs` are slots whose storage is saved; each storage counts once, and not at
    all if it is a parameter or a buffer. `own` is the bytes of tensors that the operator allocates
    to save; where that is uncertain, `own_high` is its upper end and `depends_on` says what it
    depends on. What is `beside_others` counts only if another operator saves the outputs too.

    Temporaries, in bytes: `transient` is allocated and freed within the backward pass,
    `forward_transient` within the forward pass, besides the outputs. A backward pass that frees
    saved tensors as it goes has `transient_after`, the temporaries that are left when its gradients
    are complete; None where the saved tensors live to the end. `rewritten` and `rewritten_high`
    bound the bytes of a tensor that is modified through a view of it: its gradient is copied.
    Where the file leaves open which of two calls it was, `otherwise` is what the other one keeps.
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
    otherwise: SavedTensors | None = None


NOTHING = SavedTensors()
