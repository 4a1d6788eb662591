"""Operators that move, slice, join or name elements without computing."""

from __future__ import annotations

from archlint.frontends.properties import PACKED
from archlint.ops.autocast import KEEPS, STATES, TAKES_AFTER, Casting, CastingFacet, Lists, casts
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.facets import (
    no_cost,
    saves_nothing,
    sees_any_position,
    sees_elementwise,
    sees_first_input,
)
from archlint.ops.links import (
    Fixed,
    InputLinks,
    Link,
    Links,
    Opaque,
    Piece,
    Through,
    same_axes,
)
from archlint.ops.operator import LinksFacet, Operator, SavedFacet, SignalFacet
from archlint.ops.reach import Reach, periodic
from archlint.ops.regroup import regroupings
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.selection import Selection
from archlint.ops.signals import joins, moves, passes
from archlint.ops.storage import CHANNELS_LAST, NEW, Layout, Storage
from archlint.ops.strides import (
    views_cast,
    views_cut,
    views_expanded,
    views_reshaped,
    views_same,
    views_sliced,
    views_transposed,
    views_untransposed,
)
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined
from archlint.ops.weight_origin import WeightOrigin


def sees_reshaped(call: Call, _: int) -> InputLinks:
    """Axes are reshaped in row-major order."""
    before, after = call.input(0).shape, call.output().shape
    if before is None or after is None:
        raise Undetermined(f"the shape of {call.node.output!r} is not known")
    return {0: regroupings(before, after)}


def sees_transposed(call: Call, _: int) -> InputLinks:
    """Axes are permuted."""
    rank = call.rank(0)
    order = call.integers("perm") or tuple(reversed(range(rank)))
    return {0: tuple(Through(source, target) for target, source in enumerate(order))}


def sees_squeezed(call: Call, _: int) -> InputLinks:
    """Axes of one element are removed."""
    rank = call.rank(0)
    gone = _axes(call, rank)
    if gone is None:
        gone = frozenset(axis for axis, dim in enumerate(call.input(0).shape or ()) if dim == 1)
    links: list[Link] = []
    target = 0
    for axis in range(rank):
        if axis in gone:
            links.append(Fixed(axis))
        else:
            links.append(Through(axis, target))
            target += 1
    return {0: tuple(links)}


def sees_unsqueezed(call: Call, _: int) -> InputLinks:
    """Axes of one element are inserted."""
    new = _axes(call, call.output_rank()) or frozenset()
    kept = [axis for axis in range(call.output_rank()) if axis not in new]
    return {0: tuple(Through(source, target) for source, target in enumerate(kept))}


def _axes(call: Call, rank: int) -> frozenset[int] | None:
    axes = call.integers("axes")
    if axes is None and call.has_input(1):
        axes = tuple(int(axis) for axis in call.known(1).reshape(-1))
    return None if axes is None else frozenset(axis % rank for axis in axes)


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


def saves_for_padding(call: Call, gradients: Gradients) -> SavedTensors:
    """Reflecting and repeating paddings save their input; numbers and wrapping save nothing."""
    if call.text("mode", "constant") in {"constant", "wrap"} or not gradients[0]:
        return NOTHING
    return SavedTensors(inputs=(0,))


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


def sees_elementwise_first(call: Call, output: int) -> InputLinks:
    """Only the first input is data; the second one is a shape."""
    return {0: sees_elementwise(call, output)[0]}


def saves_for_packed(call: Call, gradients: Gradients) -> SavedTensors:
    """A split saves nothing; that of PyTorch's attention layer is a copy and several selections.

    The gradient of each selection is a tensor of all parts, and they are added one after the other.
    """
    if call.node.metadata.get(PACKED) != "true":
        return NOTHING
    whole = nbytes(call.input(0))
    parts = len(call.node.outputs)
    added = whole + whole // parts * (parts - 2) if gradients[0] else 0
    return SavedTensors(transient=added, forward_transient=whole)


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        _move(
            "Identity",
            sees_first_input,
            signal=passes,
            storage=Storage(view=views_same),
            origin=WeightOrigin.SAME,
            selection=Selection.ALL,
        ),
        *(
            _move(
                name,
                sees_first_input,
                signal=passes,
                storage=Storage(view=views_cast, gradient_view=views_cast, layout=Layout.FOLLOWS),
                origin=WeightOrigin.SAME,
                casting=casting,
            )
            for name, casting in (("Cast", STATES), ("CastLike", TAKES_AFTER))
        ),
        _move(
            "Reshape", sees_reshaped, storage=Storage(view=views_reshaped), origin=WeightOrigin.SAME
        ),
        _move("Flatten", sees_reshaped, storage=Storage(view=views_reshaped)),
        _move(
            "Transpose",
            sees_transposed,
            storage=Storage(view=views_transposed, gradient_view=views_untransposed),
            origin=WeightOrigin.SAME,
        ),
        *(
            _move(
                name,
                links,
                storage=Storage(view=views_reshaped),
                origin=WeightOrigin.SAME,
                selection=Selection.ALL,
            )
            for name, links in (("Squeeze", sees_squeezed), ("Unsqueeze", sees_unsqueezed))
        ),
        _move(
            "Expand",
            sees_elementwise_first,
            storage=Storage(view=views_expanded),
            backward=Backward.PASSES,
        ),
        _move(
            "Concat",
            sees_concatenated,
            signal=joins,
            backward=Backward.CUTS,
            casting=casts(Casting.JOINED, Casting.WIDEST),
            storage=Storage(layout=Layout.CHANNELS_OF_ALL, held_by_variables=True),
        ),
        _move(
            "Split",
            sees_split,
            saves_for_packed,
            storage=Storage(view=views_cut),
            backward=Backward.MAKES,
            selection=Selection.ALL,
        ),
        _move(
            "Slice",
            sees_sliced,
            # A slice with a negative step is a copy.
            storage=Storage(view=views_sliced, layout=Layout.FOLLOWS_FIRST),
            backward=Backward.MAKES,
            selection=Selection.PART,
        ),
        _move(
            "Pad",
            sees_padded,
            saves_for_padding,
            storage=CHANNELS_LAST,
            casting=casts_for_padding,
        ),
        _move("Tile", sees_tiled),
        _move("ReverseSequence", sees_any_position),
        _move("Trilu", sees_first_input),
        # PyTorch allocates it as large as its input, and then returns a slice of it.
        Operator(
            "Col2Im",
            no_cost,
            saves_nothing,
            sees_any_position,
            moves,
            storage=Storage(allocated_like=0),
        ),
    )


def _move(  # noqa: PLR0913 - a keyword a facet
    name: str,
    links: LinksFacet,
    saved: SavedFacet = saves_nothing,
    *,
    signal: SignalFacet | None = moves,
    storage: Storage = NEW,
    origin: WeightOrigin = WeightOrigin.COMPUTED,
    backward: Backward | None = None,
    casting: CastingFacet = KEEPS,
    selection: Selection | None = None,
) -> Operator:
    regroups = Backward.REGROUPS if storage.view is not None else Backward.MAKES
    return Operator(
        name,
        no_cost,
        saved,
        links,
        signal,
        storage=storage,
        origin=origin,
        backward=backward or regroups,
        casting=casting,
        selection=selection,
    )
