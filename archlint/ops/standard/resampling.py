"""Resizing: interpolation along axes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

from archlint.ops.autocast import FIRST_OR_SINGLE, Casting, casts
from archlint.ops.call import Call, nbytes
from archlint.ops.facets import per_output, saves_nothing
from archlint.ops.links import InputLinks, Link, Opaque, Through
from archlint.ops.operator import Operator
from archlint.ops.reach import Reach, periodic
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import moves
from archlint.ops.storage import CHANNELS_LAST
from archlint.ops.taps import Taps

# Scales are stored as float32: the nearest fraction with a small denominator is what was meant.
_LARGEST_DENOMINATOR = 1 << 12
_HALF = Fraction(1, 2)


def sees_resized(call: Call, _: int) -> InputLinks:
    """Each output reads the neighbours that its place between the input elements needs."""
    return {0: tuple(_axis_link(call, axis) for axis in range(call.rank(0)))}


def _axis_link(call: Call, axis: int) -> Link:
    size = (call.input(0).shape or ())[axis]
    length = (call.output().shape or (None,) * (axis + 1))[axis]
    scale = _scale(call, axis, size, length)
    if scale is None:
        return Opaque(axis, "the scale of a resize is not known")
    if scale == 1:
        return Through(axis, axis)
    mode = call.text("coordinate_transformation_mode", "half_pixel")
    if mode == "align_corners":
        if not isinstance(size, int) or not isinstance(length, int):
            return Opaque(axis, "aligning corners depends on an unknown size")
        step = Fraction(size - 1, length - 1) if length > 1 else Fraction(0)
        return Through(axis, axis, _sampled(call, step, Fraction(0), scale))
    if mode == "tf_crop_and_resize":
        return Opaque(axis, "a resize of a region that depends on the data")
    step = 1 / scale
    start = step / 2 - _HALF
    if call.node.op == "Upsample" or call.graph.opset < 11 or mode == "asymmetric":
        start = Fraction(0)
    elif mode == "tf_half_pixel_for_nn":
        start = step / 2
    elif mode == "pytorch_half_pixel" and length == 1:
        start = Fraction(0)
    elif mode == "half_pixel_symmetric" and isinstance(size, int) and isinstance(length, int):
        start += (1 - length / (scale * size)) * size / 2
    return Through(axis, axis, _sampled(call, step, start, scale))


def _scale(call: Call, axis: int, size: object, length: object) -> Fraction | None:
    """Return how many outputs there are for one input, from the scales or from the sizes."""
    given = call.node.attributes.get("scales")
    scales = [float(scale) for scale in given] if isinstance(given, tuple) else None
    if scales is None:
        operand = call.constant(1 if call.node.op == "Upsample" or call.graph.opset < 11 else 2)
        if operand is not None and operand.size:
            scales = [float(scale) for scale in operand.reshape(-1)]
    axes = [each % call.rank(0) for each in call.integers("axes") or range(call.rank(0))]
    if scales is not None:
        if axis not in axes:
            return Fraction(1)
        return Fraction(scales[axes.index(axis)]).limit_denominator(_LARGEST_DENOMINATOR)
    if isinstance(size, int) and isinstance(length, int) and size:
        return Fraction(length, size)
    return Fraction(1) if size == length and size is not None else None


def _sampled(call: Call, step: Fraction, start: Fraction, scale: Fraction) -> Reach:
    """Return the map of output j, which lies at input coordinate start + step j."""
    around = _neighbours(call, scale)
    return periodic(step.numerator, step.denominator, lambda phase: around(start + step * phase))


def _neighbours(call: Call, scale: Fraction) -> Callable[[Fraction], Taps]:
    """Return which elements are read for a coordinate."""
    mode = call.text("mode", "nearest")
    if mode == "nearest":
        rounding = _ROUNDINGS.get(call.text("nearest_mode", "round_prefer_floor"), floor)
        if call.node.op == "Upsample":
            rounding = floor
        return lambda place: Taps(rounding(place), 1)
    radius = Fraction(2 if mode == "cubic" else 1)
    if call.integer("antialias", 0) and scale < 1:
        radius /= scale
    return lambda place: _inside(place, radius)


def _inside(place: Fraction, radius: Fraction) -> Taps:
    """Return the elements closer than `radius`, where the weight is not zero."""
    if radius == 2 and place.denominator == 1:
        return Taps(int(place), 1)  # a cubic has zeros at the other whole numbers
    low, high = floor(place - radius) + 1, ceil(place + radius) - 1
    return Taps.progression(low, high - low + 1, 1)


_ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda place: ceil(place - _HALF),
    "round_prefer_ceil": lambda place: floor(place + _HALF),
    "floor": floor,
    "ceil": ceil,
}


def saves_grid(call: Call, gradients: Gradients) -> SavedTensors:
    """Sampling at a grid saves the input and the grid, whose gradient is always computed."""
    if not gradients.needed:
        return NOTHING
    return SavedTensors(inputs=(0, 1), transient=0 if gradients[1] else nbytes(call.input(1)))


def sees_anywhere(call: Call, _: int) -> InputLinks:
    """The positions that a grid samples depend on the data."""
    reason = "where a grid samples depends on the data"
    spatial = tuple(Opaque(axis, reason) for axis in range(2, call.rank(0)))
    return {0: (Through(0, 0), Through(1, 1), *spatial)}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        *(
            Operator(
                name,
                per_output(4),
                saves_nothing,
                sees_resized,
                moves,
                storage=CHANNELS_LAST,
                casting=FIRST_OR_SINGLE,
            )
            for name in ("Resize", "Upsample")
        ),
        Operator(
            "GridSample",
            per_output(8),
            saves_grid,
            sees_anywhere,
            casting=casts(Casting.SINGLE, Casting.JOINED),
        ),
    )
