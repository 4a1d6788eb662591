"""Pooling, windowed and global."""

from __future__ import annotations

from math import prod

from archlint.ops.autocast import in_volumes
from archlint.ops.call import Call
from archlint.ops.cost import Cost, elementwise
from archlint.ops.effect import Pooling
from archlint.ops.facets import per_input, saves_input, saves_nothing
from archlint.ops.links import InputLinks, Opaque, Through, same_axes_but
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import pools_planes, pools_windows
from archlint.ops.sliding import kernel_sizes, slides, slidings
from archlint.ops.storage import CHANNELS_OR_SIGNALS_LAST

_INDEX_BYTES = 8  # PyTorch saves int64 positions of the maxima


def pool_cost(call: Call) -> Cost:
    """One operation for each element of each window."""
    return elementwise(call.output_elements() * prod(kernel_sizes(call, 0)))


def saves_maxima(call: Call, gradients: Gradients) -> SavedTensors:
    """Max pooling, over windows or planes, saves its input and an int64 index for each output.

    The indices are made also where nothing saves them, and the program may use them.
    """
    indices = _INDEX_BYTES * call.output_elements()
    given = call.has_output(1)
    if not gradients[0]:
        return SavedTensors(forward_transient=0 if given else indices)
    if given:
        return SavedTensors(inputs=(0,), outputs=(1,))
    return SavedTensors(inputs=(0,), own=indices)


def saves_places(_: Call, gradients: Gradients) -> SavedTensors:
    """Unpooling saves the places of its values, the second input: it reads the gradient there."""
    return SavedTensors(inputs=(1,)) if gradients[0] else NOTHING


def sees_window(call: Call, _: int) -> InputLinks:
    """Read a window along each spatial axis, within the channel."""
    return {0: (Through(0, 0), Through(1, 1), *slides(slidings(call, kernel_sizes(call, 0))))}


def sees_plane(call: Call, _: int) -> InputLinks:
    """Read all positions of the channel."""
    rank = call.rank(0)
    return {0: same_axes_but(rank, range(2, rank))}


def sees_unpooled(call: Call, _: int) -> InputLinks:
    """The position of each element depends on the data, so that the map is not known."""
    spatial = range(2, call.rank(0))
    reason = "where unpooling puts elements depends on its indices"
    return {0: (Through(0, 0), Through(1, 1), *(Opaque(axis, reason) for axis in spatial))}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "MaxPool",
            pool_cost,
            saves_maxima,
            sees_window,
            pools_windows(Pooling.LARGEST),
            storage=CHANNELS_OR_SIGNALS_LAST,
            casting=in_volumes,
        ),
        Operator(
            "AveragePool",
            pool_cost,
            saves_input,
            sees_window,
            pools_windows(Pooling.MEAN),
            storage=CHANNELS_OR_SIGNALS_LAST,
            casting=in_volumes,
        ),
        Operator("LpPool", pool_cost, saves_input, sees_window, None),
        Operator(
            "GlobalAveragePool",
            per_input(1),
            saves_nothing,
            sees_plane,
            pools_planes(Pooling.MEAN),
            casting=in_volumes,
        ),
        Operator(
            "GlobalMaxPool",
            per_input(1),
            saves_maxima,
            sees_plane,
            pools_planes(Pooling.LARGEST),
            casting=in_volumes,
        ),
        Operator("GlobalLpPool", per_input(2), saves_input, sees_plane, None),
        Operator("MaxUnpool", per_input(1), saves_places, sees_unpooled, None),
    )
