"""The smallest changes that widen a receptive field by a given number of input elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.api import Extent, Field, Model

if TYPE_CHECKING:
    from archlint.api import Step

_KERNEL = 3  # of the layers that are advised


def widenings(model: Model, tensor: str, extent: Extent, missing: int) -> list[str]:
    """Return changes that widen the field of `tensor` by at least `missing` input elements.

    Increasing a dilation by one adds the `widening` of its kernel, and one more layer of kernel 3
    adds 2 j at stride j. Neither helps where the kernel would exceed its input map, so that it
    only gains padding.
    """
    return [
        *_dilation(model, tensor, extent, missing),
        *_layers(model, tensor, extent, missing),
        *_cuts(model, tensor, extent, missing),
    ]


def _dilation(model: Model, tensor: str, extent: Extent, missing: int) -> Iterator[str]:
    """Yield the dilation of one kernel: the last among those that widen most per step."""
    kernels = list(model.facts.receptive_fields.kernels(tensor, extent))[::-1]
    for kernel in sorted(kernels, key=lambda kernel: -kernel.widening):
        window, sliding = kernel.window, kernel.window.sliding
        dilation = sliding.dilation + -(-missing // kernel.widening)
        span = 1 + (sliding.kernel - 1) * dilation
        cuts_patches = sliding.kernel <= sliding.stride
        if not cuts_patches and (window.size is None or span <= window.size):
            yield (
                f"raise the dilation of {window.node.name} from {sliding.dilation} to {dilation} "
                "(and its padding with it)"
            )
            return


def _layers(model: Model, tensor: str, extent: Extent, missing: int) -> Iterator[str]:
    """Yield layers of kernel 3 at the last map that is large enough for them."""
    place = next((each for each in _places(model, tensor, extent) if each.has(missing)), None)
    if place is not None:
        count = -(-missing // place.gain)
        layers = "1 layer" if count == 1 else f"{count} layers"
        yield (
            f"add {layers} of kernel {_KERNEL}{place.words} at stride {place.stride} "
            f"(+{place.gain} each)"
        )


def _cuts(model: Model, tensor: str, extent: Extent, missing: int) -> Iterator[str]:
    """Yield where a map is cropped of which `tensor` reads all remaining positions."""
    if model.facts.receptive_fields.of(tensor, extent).moves:
        return
    for step in model.facts.receptive_fields.path(tensor, extent):
        before, after, stride = _length(step.before), _length(step.after), _stride(step.after)
        if before is None or after is None or not stride or _stride(step.before) != stride:
            continue
        enough = after - (-missing // stride)
        if step.growth == 0 and after < enough <= before:
            yield f"keep {enough} of the {before} places at {step.node.name} instead of {after}"


class _Place(Struct, frozen=True):
    """A map after which layers can be inserted: its length if known, and its stride."""

    words: str
    stride: int
    length: int | None

    @property
    def gain(self) -> int:
        """The number of input elements by which a layer widens the field."""
        return (_KERNEL - 1) * self.stride

    def has(self, missing: int) -> bool:
        """Whether the map is long enough for that many input elements."""
        if self.length is None:
            return True
        return self.length >= _KERNEL and (self.length - 1) * self.stride >= missing


def _places(model: Model, tensor: str, extent: Extent) -> Iterator[_Place]:
    """Yield the maps on the way to `tensor` with an integer stride, the last first.

    Maps with the same positions as the previous one, as after an activation, are skipped.
    """
    steps = model.facts.receptive_fields.path(tensor, extent)
    fields = [*reversed([step.after for step in steps]), *(step.before for step in steps[:1])]
    last = (_stride(fields[0]), _length(fields[0])) if fields else (0, None)
    for field, step in zip(fields, [*reversed(steps), None], strict=True):
        stride, length = _stride(field), _length(field)
        if stride:
            is_last = (stride, length) == last
            yield _Place("" if is_last else _behind(step, steps), stride, length)


def _behind(step: Step | None, steps: tuple[Step, ...]) -> str:
    return f" in front of {steps[0].node.name}" if step is None else f" behind {step.node.name}"


def _stride(field: Field) -> int:
    """Return the input elements between neighbours of a map, 0 where it is no whole number."""
    reach = field.reach
    return 0 if reach is None or reach.stride.denominator > 1 else abs(int(reach.stride))


def _length(field: Field) -> int | None:
    """Return the number of positions of a map, None where that is not known."""
    size = None if field.axis is None or field.axis >= len(field.shape) else field.shape[field.axis]
    return size if isinstance(size, int) else None
