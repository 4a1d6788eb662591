"""Operators that cut tensors into pieces, join pieces, repeat them or pad them."""

from __future__ import annotations

from archlint.frontends.properties import STEPS_FIRST
from archlint.ops.autocast import Casting, Lists, casts
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.facets import no_cost, saves_nothing
from archlint.ops.links import (
    InputLinks,
    Link,
    Links,
    Opaque,
    Piece,
    Through,
    same_axes,
)
from archlint.ops.operator import Operator
from archlint.ops.reach import Reach, periodic
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.selection import Selection
from archlint.ops.signals import joins, passes
from archlint.ops.standard.movement import moving
from archlint.ops.storage import CHANNELS_LAST, Layout, Storage
from archlint.ops.strides import Strides, steps_first, views_sliced
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined


def sees_concatenated(call: Call, _: int) -> InputLinks:
    """Each input fills its own range of the joined axis."""
    rank = call.output_rank()
    joined = call.integer("axis", 0) % rank
    by_slot: dict[int, Links] = {}
    start: int | None = 0
    for slot in range(len(call.node.inputs)):
        links: list[Link] = list(same_axes(rank))
        dim = (call.input(slot).shape or (None,) * rank)[joined]
        length = dim if isinstance(dim, int) else None
        if start is None:
            links[joined] = Opaque(joined, "the length of an earlier piece is not known")
        else:
            links[joined] = Piece(joined, start, length)
        start = None if start is None or length is None else start + length
        by_slot[slot] = tuple(links)
    return by_slot


def sees_split(call: Call, output: int) -> InputLinks:
    """Each output is a range of the split axis."""
    rank = call.rank(0)
    axis = call.integer("axis", 0) % rank
    links: list[Link] = list(same_axes(rank))
    start = 0
    for earlier in range(output):
        dim = (call.output(earlier).shape or (None,) * rank)[axis]
        if not isinstance(dim, int):
            raise Undetermined("the length of an earlier piece is not known")
        start += dim
    links[axis] = Through(axis, axis, Reach(1, (Taps(start, 1),)))
    return {0: tuple(links)}


def sees_sliced(call: Call, _: int) -> InputLinks:
    """A range of an axis, with a step that may be negative."""
    rank = call.rank(0)
    shape = call.input(0).shape or ()
    links: list[Link] = list(same_axes(rank))
    starts, axes, steps = _slice_operands(call, rank)
    for start, axis, step in zip(starts, axes, steps, strict=True):
        size = shape[axis % rank]
        links[axis % rank] = _slice_link(axis % rank, start, step, size)
    return {0: tuple(links)}


def _slice_operands(call: Call, rank: int) -> tuple[list[int], list[int], list[int]]:
    if call.integers("starts") is not None:  # before opset 10
        starts = list(call.integers("starts") or ())
        return starts, list(call.integers("axes") or range(len(starts))), [1] * len(starts)
    starts = [int(start) for start in call.known(1).reshape(-1)]
    axes = list(range(len(starts)))
    if call.has_input(3):
        axes = [int(axis) for axis in call.known(3).reshape(-1)]
    steps = [1] * len(starts)
    if call.has_input(4):
        steps = [int(step) for step in call.known(4).reshape(-1)]
    return starts, [axis % rank for axis in axes], steps


def _slice_link(axis: int, start: int, step: int, size: object) -> Link:
    if isinstance(size, int):
        start = start + size if start < 0 else start
        start = min(max(start, 0), size if step > 0 else size - 1)
    elif start < 0 or step < 0:
        return Opaque(axis, "a slice counts from the end of an axis of unknown length")
    return Through(axis, axis, Reach(step, (Taps(start, 1),)))


def sees_padded(call: Call, _: int) -> InputLinks:
    """Elements are shifted by the padding before them; padding itself reads nothing."""
    rank = call.rank(0)
    pads = call.integers("pads") or call.integers("paddings")
    if pads is None:
        pads = tuple(int(pad) for pad in call.known(1).reshape(-1))
    axes = list(range(rank))
    if call.has_input(3):
        axes = [int(axis) % rank for axis in call.known(3).reshape(-1)]
    links: list[Link] = list(same_axes(rank))
    for position, axis in enumerate(axes):
        if pads[position]:
            links[axis] = Through(axis, axis, Reach(1, (Taps(-pads[position], 1),)))
    return {0: tuple(links)}


def views_split(call: Call, output: int, strides: Strides) -> Strides:
    """A part lies within the whole, or within the copy that PyTorch's attention layer makes."""
    if _is_copied(call):
        return steps_first(call.output_shape(output))
    return strides


def saves_for_split(call: Call, gradients: Gradients) -> SavedTensors:
    """A split saves nothing; that of PyTorch's attention layer is a copy and several selections.

    The gradient of each selection is a tensor of all parts, and they are added one after the other.
    """
    if not _is_copied(call):
        return NOTHING
    whole = nbytes(call.input(0))
    parts = len(call.node.outputs)
    added = whole + whole // parts * (parts - 2) if gradients[0] else 0
    return SavedTensors(transient=added, forward_transient=whole)


def _is_copied(call: Call) -> bool:
    """Whether a split takes apart a product of PyTorch's attention layer."""
    return call.node.metadata.get(STEPS_FIRST) == "true"


def saves_for_padding(call: Call, gradients: Gradients) -> SavedTensors:
    """Reflecting and repeating paddings save their input; numbers and wrapping save nothing."""
    mode = call.text("mode", "constant")
    if mode == "wrap":
        return saves_for_wrapping(call, gradients)
    return NOTHING if mode == "constant" or not gradients[0] else SavedTensors(inputs=(0,))


def saves_for_wrapping(call: Call, gradients: Gradients) -> SavedTensors:
    """Save nothing; the gradient is copied, and once more for each padded side."""
    if not gradients[0]:
        return NOTHING
    return SavedTensors(transient=2 * nbytes(call.output()) - nbytes(call.input(0)))


def casts_for_padding(call: Call, lists: Lists) -> Casting:
    """On the CPU, reflecting and repeating paddings run in fp32."""
    is_constant = call.text("mode", "constant") == "constant"
    return Casting.SINGLE if lists is Lists.CPU and not is_constant else Casting.FIRST


def sees_tiled(call: Call, _: int) -> InputLinks:
    """The tensor is repeated along its axes."""
    links: list[Link] = []
    for axis, dim in enumerate(call.input(0).shape or ()):
        repeats = int(call.known(1).reshape(-1)[axis])
        if repeats == 1:
            links.append(Through(axis, axis))
        elif isinstance(dim, int):
            again = periodic(0, dim, lambda position: Taps(position, 1))
            links.append(Through(axis, axis, again))
        else:
            links.append(Opaque(axis, "an axis of unknown length is repeated"))
    return {0: tuple(links)}


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


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        moving(
            "Concat",
            sees_concatenated,
            signal=joins,
            backward=Backward.CUTS,
            casting=casts(Casting.JOINED, Casting.WIDEST),
            storage=Storage(layout=Layout.CHANNELS_OF_ALL, held_by_variables=True),
        ),
        moving(
            "Split",
            sees_split,
            saves_for_split,
            storage=Storage(view=views_split),
            backward=Backward.MAKES,
            selection=Selection.ALL,
        ),
        moving(
            "Slice",
            sees_sliced,
            # A slice with a negative step is a copy.
            storage=Storage(view=views_sliced, layout=Layout.FOLLOWS_FIRST),
            backward=Backward.MAKES,
            selection=Selection.PART,
        ),
        moving(
            "Pad",
            sees_padded,
            saves_for_padding,
            storage=CHANNELS_LAST,
            casting=casts_for_padding,
        ),
        moving("Tile", sees_tiled),
        Operator("CenterCropPad", no_cost, saves_nothing, sees_centred, passes),
    )
