"""Signal effects that many operators share."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from archlint.ops.call import Call
from archlint.ops.effect import (
    Combines,
    Effect,
    Joins,
    LooksUp,
    MeasuresLoss,
    Normalizes,
    Operation,
    Over,
    Passes,
    Pooling,
    Pools,
    Shares,
    Sums,
)
from archlint.ops.fan import matmul_fan
from archlint.ops.masking import Masks
from archlint.ops.operator import SignalFacet
from archlint.ops.sliding import Sliding, kernel_sizes, slidings
from archlint.ops.undetermined import Undetermined


def passes(_: Call) -> Effect:
    """Elements of the first input are unchanged and keep their positions."""
    return Passes(in_place=True)


def moves(_: Call) -> Effect:
    """Elements of the first input keep their distribution."""
    return Passes()


def looks_up(_: Call) -> Effect:
    """Rows or elements of the first input are selected."""
    return LooksUp()


def joins(call: Call) -> Effect:
    """All inputs are concatenated."""
    return Joins(tuple(range(len(call.node.inputs))))


def combines(operation: Operation) -> SignalFacet:
    """Return the effect of joining all inputs element by element."""

    def effect(call: Call) -> Effect:
        return Combines(operation, tuple(range(len(call.node.inputs))))

    return effect


def sums_product(left: int, right: int) -> SignalFacet:
    """Return the effect of a matrix product of two slots."""

    def effect(call: Call) -> Effect:
        return Sums(matmul_fan(call, left, right), (left, right), axes=(-2, -1))

    return effect


def normalizes(over: Over, *, centred: bool = True, affine: bool = True) -> SignalFacet:
    """Return the effect of a normalization whose gain and shift are in slots 1 and 2."""

    def effect(call: Call) -> Effect:
        gain = 1 if affine and call.has_input(1) else None
        shift = 2 if affine and centred and call.has_input(2) else None
        epsilon = call.number("epsilon", 0.0)
        if not epsilon >= 0:
            raise Undetermined(f"an epsilon of {epsilon:g}")
        return Normalizes(over, gain, shift, centred, epsilon)

    return effect


def shares(call: Call) -> Effect:
    """A softmax normalizes to a sum of one along its axis."""
    axis = call.integer("axis", -1 if call.graph.opset >= 13 else 1)
    length = (call.input(0).shape or ())[axis]
    if not isinstance(length, int):
        raise Undetermined(f"the length of the axis of {call.node.name!r} is not bound")
    is_last = axis in {-1, call.rank(0) - 1}
    return Shares(length, is_last and Masks(call.graph).scores_causally(call.node.inputs[0]))


def measures_loss(*, takes_softmax: bool = True) -> SignalFacet:
    """Return the effect of a loss on the scores in slot 0."""
    found = MeasuresLoss(takes_softmax)
    return lambda _: found


def pools_windows(pooling: Pooling) -> SignalFacet:
    """Return the effect of pooling windows of the first input."""

    def effect(call: Call) -> Effect:
        kernel = kernel_sizes(call, 0)
        inside = fill(call, slidings(call, kernel))
        if pooling is Pooling.LARGEST or not call.integer("count_include_pad", 0):
            inside = 1.0  # padding is never the largest, and is not counted
        return Pools(pooling, prod(kernel), inside)

    return effect


def pools_planes(pooling: Pooling) -> SignalFacet:
    """Return the effect of pooling all positions of a channel."""

    def effect(call: Call) -> Effect:
        return Pools(pooling, extent(call, range(2, call.rank(0))))

    return effect


def extent(call: Call, axes: Iterable[int]) -> int:
    """Return the number of positions along some axes of the first input."""
    shape = call.input(0).shape or ()
    dims = [shape[axis] for axis in axes]
    sizes = [dim for dim in dims if isinstance(dim, int)]
    if len(sizes) < len(dims):
        raise Undetermined(f"how much {call.node.name!r} pools is not known")
    return prod(sizes)


def fill(call: Call, windows: tuple[Sliding, ...]) -> float:
    """Return the share of taps that are not on padding, averaged over the output positions."""
    share = 1.0
    sizes = (call.input(0).shape or ())[2:]
    for size, one in zip(sizes, windows, strict=False):
        if isinstance(size, int) and one.pads is not None:
            share *= _inside(size, one, *one.pads)
    return share


def _inside(size: int, one: Sliding, before: int, after: int) -> float:
    """Return the share of the taps of one axis that are inside."""
    if before <= 0 and after <= 0:
        return 1.0
    outputs = (size + before + after - one.extent) // one.stride + 1
    inside = 0
    for tap in range(one.kernel):
        # Output o reads o S + d t - P: it is inside where 0 <= that < size.
        offset = one.dilation * tap - before
        first = max(0, -(offset // one.stride))
        last = min(outputs - 1, (size - 1 - offset) // one.stride)
        inside += max(0, last - first + 1)
    return inside / (outputs * one.kernel) if outputs > 0 else 1.0
