"""Fourier transforms."""

from __future__ import annotations

from math import log2

from archlint.ops.autocast import Casting, casts
from archlint.ops.call import Call
from archlint.ops.cost import Cost, elementwise
from archlint.ops.facets import keeps_nothing
from archlint.ops.links import Link, Opaque, Sight, Through, Whole, same_axes_but
from archlint.ops.operator import Operator
from archlint.ops.reach import window
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


def sees_transformed(call: Call, _: int) -> Sight:
    """Every frequency reads the whole signal, real and imaginary parts."""
    rank, axis = call.rank(0), _signal_axis(call)
    return {0: same_axes_but(rank, {axis, rank - 1})}


def stft_cost(call: Call) -> Cost:
    """Count a product with the window and a fast transform for each frame."""
    batch, frames = call.output_shape()[:2]
    length = _frame_length(call)
    return elementwise(batch * frames * (length + _transform(length)))


def _frame_length(call: Call) -> int:
    if call.has_input(3):
        return int(call.known(3).reshape(-1)[0])
    return call.shape(2)[0] if call.has_input(2) else call.shape(0)[1]


def sees_frames(call: Call, _: int) -> Sight:
    """A frame reads its stretch of the signal; frequencies read the whole frame."""
    links: list[Link] = [Through(0, 0)]
    try:
        step = int(call.known(1).reshape(-1)[0])
        links.append(Through(1, 1, window(_frame_length(call), step)))
    except Undetermined as reason:
        links.append(Opaque(1, str(reason)))
    links.extend(Whole(axis) for axis in range(2, call.rank(0)))
    return {0: tuple(links)}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family. Transforms are linear: nothing is kept."""
    return (
        Operator("DFT", dft_cost, keeps_nothing, sees_transformed, casting=_TRANSFORMS),
        Operator("STFT", stft_cost, keeps_nothing, sees_frames, buffers=(2,), casting=_TRANSFORMS),
    )
