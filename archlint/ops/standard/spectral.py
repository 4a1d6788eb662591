"""Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from archlint.ops.autocast import Casting, casts
from archlint.ops.call import Call, nbytes, width
from archlint.ops.cost import Cost, elementwise
from archlint.ops.links import InputLinks, Link, Opaque, Through, Whole, same_axes_but
from archlint.ops.operator import Operator
from archlint.ops.reach import window
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.storage import Storage
from archlint.ops.strides import Strides, contiguous_along
from archlint.ops.undetermined import Undetermined

_TRANSFORMS = casts(Casting.SINGLE, Casting.WIDEST)


def _transform(length: int) -> int:
    """Return the operations of one fast transform: 5 N log2 N (Cooley and Tukey 1965)."""
    return int(5 * length * log2(length)) if length > 1 else 1


def _signal_axis(call: Call) -> int:
    """Return the axis of a DFT: an operand since opset 20, where it counts from the end."""
    rank = call.rank(0)
    if call.has_input(2):
        return int(call.known(2).reshape(-1)[0]) % rank
    return call.integer("axis", -2 if call.graph.opset >= 20 else 1) % rank


def dft_cost(call: Call) -> Cost:
    """Count a fast transform for each signal; elementwise work, for it is no matrix product."""
    axis, shape = _signal_axis(call), call.output_shape()
    length = call.shape(0)[axis]
    if call.has_input(1):
        length = int(call.known(1).reshape(-1)[0])
    signals = 1
    for other, size in enumerate(shape[:-1]):
        signals *= 1 if other == axis else size
    return elementwise(signals * _transform(length))


def sees_transformed(call: Call, _: int) -> InputLinks:
    """Every frequency reads the whole signal, real and imaginary parts."""
    rank, axis = call.rank(0), _signal_axis(call)
    return {0: same_axes_but(rank, {axis, rank - 1})}


def lies_along_signal(call: Call, _: Sequence[Strides | None]) -> Strides:
    """Return the strides of the spectra: each is contiguous, including real and imaginary parts.

    PyTorch moves the transformed axis to the end.
    """
    shape = call.output_shape()
    return contiguous_along(shape, (_signal_axis(call), len(shape) - 1))


def saves_real(call: Call, gradients: Gradients) -> SavedTensors:
    """Save a signal of real numbers; from a complex one, nothing is needed.

    PyTorch saves it only for its shape. The gradient of a half spectrum is padded with zeros and
    transformed as complex numbers, of which the real parts are taken.
    """
    if not gradients[0] or call.shape(0)[-1] != 1:
        return NOTHING
    is_half = bool(call.integer("onesided", 0))
    return SavedTensors(inputs=(0,), transient=3 * nbytes(call.input(0)) if is_half else 0)


def saves_frames(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the windowed frames of a signal, or without a window the signal itself.

    Frames overlap; with a window they are new tensors. Exporters write a missing window as ones.
    """
    if not gradients[0]:
        return NOTHING
    window_ = call.constant(2)
    if not call.has_input(2) or (window_ is not None and bool((window_ == 1).all())):
        return SavedTensors(inputs=(0,))
    batch, frames = call.output_shape()[:2]
    return SavedTensors(own=batch * frames * _frame_length(call) * width(call.input(0)) // 8)


def stft_cost(call: Call) -> Cost:
    """Count a product with the window and a fast transform for each frame."""
    batch, frames = call.output_shape()[:2]
    length = _frame_length(call)
    return elementwise(batch * frames * (length + _transform(length)))


def _frame_length(call: Call) -> int:
    if call.has_input(3):
        return int(call.known(3).reshape(-1)[0])
    return call.shape(2)[0] if call.has_input(2) else call.shape(0)[1]


def sees_frames(call: Call, _: int) -> InputLinks:
    """A frame reads its range of the signal; frequencies read the whole frame."""
    links: list[Link] = [Through(0, 0)]
    try:
        step = int(call.known(1).reshape(-1)[0])
        links.append(Through(1, 1, window(_frame_length(call), step)))
    except Undetermined as reason:
        links.append(Opaque(1, str(reason)))
    links.extend(Whole(axis) for axis in range(2, call.rank(0)))
    return {0: tuple(links)}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "DFT",
            dft_cost,
            saves_real,
            sees_transformed,
            casting=_TRANSFORMS,
            storage=Storage(layout=lies_along_signal),
        ),
        Operator("STFT", stft_cost, saves_frames, sees_frames, buffers=(2,), casting=_TRANSFORMS),
    )
