"""Center crop and pad, cache updates, and bit casts."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.facets import no_cost, saves_nothing, sees_any_position, sees_first_input
from archlint.ops.links import InputLinks, Link, Opaque, Through, same_axes
from archlint.ops.operator import Operator
from archlint.ops.reach import Reach
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import passes
from archlint.ops.standard.lookup import saves_indices
from archlint.ops.storage import Storage
from archlint.ops.strides import views_same
from archlint.ops.taps import Taps


def sees_centred(call: Call, _: int) -> InputLinks:
    """Cropping or padding is split between both ends; an odd element goes to the right."""
    links: list[Link] = list(same_axes(call.rank(0)))
    before, after = call.input(0).shape or (), call.output().shape or ()
    for axis in range(min(len(before), len(after))):
        size, length = before[axis], after[axis]
        if size == length:
            continue
        if isinstance(size, int) and isinstance(length, int):
            cut = size - length
            start = cut // 2 if cut > 0 else -(-cut // 2)
            links[axis] = Through(axis, axis, Reach(1, (Taps(start, 1),)))
        else:
            links[axis] = Opaque(axis, "the size before or after cropping is not known")
    return {0: tuple(links)}


def sees_written(call: Call, _: int) -> InputLinks:
    """A cache is unchanged except for the written positions, which depend on the data."""
    rank = call.rank(0)
    axis = call.integer("axis", -2) % rank
    links: list[Link] = list(same_axes(rank))
    links[axis] = Opaque(axis, "where a cache is written depends on the data")
    return {0: same_axes(rank), 1: tuple(links)}


def saves_places(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the indices that were written."""
    return SavedTensors(inputs=(2,)) if gradients.needed and call.has_input(2) else NOTHING


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator("CenterCropPad", no_cost, saves_nothing, sees_centred, passes),
        Operator("Scatter", no_cost, saves_indices, sees_any_position, passes),
        Operator("TensorScatter", no_cost, saves_places, sees_written, passes),
        Operator(
            "BitCast",
            no_cost,
            saves_nothing,
            sees_first_input,
            differentiable=False,
            storage=Storage(view=views_same),
        ),
    )
