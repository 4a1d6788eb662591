"""Operators that move, cut, join and name elements without computing."""

from __future__ import annotations

from archlint.graph.value import Shape
from archlint.ops.autocast import KEEPS, STATES, TAKES_AFTER, Casting, CastingFacet, Lists, casts
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.facets import (
    keeps_input,
    keeps_nothing,
    no_cost,
    sees_elementwise,
    sees_first_input,
)
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.links import (
    Fixed,
    Link,
    Links,
    Opaque,
    Piece,
    Regroup,
    Sight,
    Stage,
    Through,
    Whole,
    same_axes,
)
from archlint.ops.operator import KeptFacet, Layout, Operator, SightFacet, SignalFacet, ViewFacet
from archlint.ops.reach import Reach, reach, tabulated
from archlint.ops.regroup import regroupings
from archlint.ops.selection import Selection
from archlint.ops.signals import joins, looks_up, moves, passes
from archlint.ops.strides import (
    views_cast,
    views_cut,
    views_expanded,
    views_reshaped,
    views_same,
    views_selected,
    views_sliced,
    views_transposed,
    views_untransposed,
)
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined


def sees_reshaped(call: Call, _: int) -> Sight:
    """Axes are re-cut in row-major order."""
    before, after = call.input(0).shape, call.output().shape
    if before is None or after is None:
        raise Undetermined(f"the shape of {call.node.output!r} is not known")
    return {0: regroupings(before, after)}


def sees_transposed(call: Call, _: int) -> Sight:
    """Axes change places."""
    rank = call.rank(0)
    order = call.integers("perm") or tuple(reversed(range(rank)))
    return {0: tuple(Through(source, target) for target, source in enumerate(order))}


def sees_squeezed(call: Call, _: int) -> Sight:
    """Axes of one element go."""
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


def sees_unsqueezed(call: Call, _: int) -> Sight:
    """Axes of one element come."""
    new = _axes(call, call.output_rank()) or frozenset()
    kept = [axis for axis in range(call.output_rank()) if axis not in new]
    return {0: tuple(Through(source, target) for source, target in enumerate(kept))}


def _axes(call: Call, rank: int) -> frozenset[int] | None:
    axes = call.integers("axes")
    if axes is None and call.has_input(1):
        axes = tuple(int(axis) for axis in call.known(1).reshape(-1))
    return None if axes is None else frozenset(axis % rank for axis in axes)


def sees_concatenated(call: Call, _: int) -> Sight:
    """Each input fills its own stretch of the joined axis."""
    rank = call.output_rank()
    joined = call.integer("axis", 0) % rank
    sight: dict[int, Links] = {}
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
        sight[slot] = tuple(links)
    return sight


def sees_split(call: Call, output: int) -> Sight:
    """Each output is a stretch of the cut axis."""
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


def sees_sliced(call: Call, _: int) -> Sight:
    """A stretch of an axis, in steps that may be negative."""
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


def sees_padded(call: Call, _: int) -> Sight:
    """Elements move by the padding before them; padding itself reads nothing."""
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


def keeps_for_padding(call: Call, gradients: Gradients) -> Kept:
    """Reflecting and repeating paddings keep their input; constant padding keeps nothing."""
    if call.text("mode", "constant") == "constant" or not gradients[0]:
        return NOTHING
    return Kept(inputs=(0,))


def casts_for_padding(call: Call, lists: Lists) -> Casting:
    """The CPU reflects and repeats in fp32."""
    is_constant = call.text("mode", "constant") == "constant"
    return Casting.SINGLE if lists is Lists.CPU and not is_constant else Casting.FIRST


def sees_gathered(call: Call, _: int) -> Sight:
    """Indices choose positions of one axis; where indices are data, all of it may be read."""
    rank = call.rank(0)
    axis = call.integer("axis", 0) % rank
    indices = call.constant(1)
    chosen = call.rank(1)
    if indices is not None and chosen > 1:
        return {0: _gathered_grid(call, axis, indices.shape, indices.reshape(-1).tolist())}
    links: list[Link] = [Through(each, each) for each in range(axis)]
    links.extend(Through(each, each + chosen - 1) for each in range(axis + 1, rank))
    links.append(
        _chosen(call, axis, chosen, None if indices is None else indices.reshape(-1).tolist())
    )
    sight: dict[int, Links] = {0: tuple(links)}
    if indices is None:
        sight[1] = tuple(Through(each, axis + each) for each in range(chosen))
    return sight


def _gathered_grid(
    call: Call, axis: int, grid: tuple[int, ...], indices: list[int]
) -> tuple[Stage, ...]:
    """Gather with indices of several axes: as with their list, which is then cut into rows."""
    shape = call.input(0).shape or ()
    rank, chosen = len(shape), len(grid)
    listed: Shape = (*shape[:axis], len(indices), *shape[axis + 1 :])
    link = _chosen(call, axis, 1, indices)
    others = [Through(each, each) for each in range(rank) if each != axis]
    cut = Regroup((axis,), (len(indices),), tuple(range(axis, axis + chosen)), grid)
    before = [Through(each, each) for each in range(axis)]
    after = [Through(each, each + chosen - 1) for each in range(axis + 1, rank)]
    return (
        Stage((*others, link), listed),
        Stage((*before, cut, *after), call.output().shape or ()),
    )


def _chosen(call: Call, axis: int, chosen: int, indices: list[int] | None) -> Link:
    if indices is None:
        return Whole(axis)
    size = (call.input(0).shape or ())[axis]
    if any(index < 0 for index in indices) and not isinstance(size, int):
        return Opaque(axis, "an index counts from the end of an axis of unknown length")
    positions = [
        index + size if index < 0 and isinstance(size, int) else index for index in indices
    ]
    if chosen == 0:
        return Fixed(axis, positions[0])
    if positions:
        return Through(axis, axis, tabulated([Taps(position, 1) for position in positions]))
    return Opaque(axis, "a gather of nothing")


def keeps_indices(call: Call, gradients: Gradients) -> Kept:
    """A lookup keeps its indices; choosing one place along an axis is a view."""
    if not gradients[0] or call.input(1).shape == ():
        return NOTHING
    return Kept(inputs=(1,))


def keeps_gathered(_: Call, gradients: Gradients) -> Kept:
    """A choice of elements keeps its indices, and its input for the shape of the gradient."""
    return Kept(inputs=(0, 1)) if gradients[0] else NOTHING


def keeps_places(_: Call, gradients: Gradients) -> Kept:
    """What is written elsewhere keeps the places, for the gradient of either tensor."""
    return Kept(inputs=(1,)) if gradients[0] or gradients[2] else NOTHING


def sees_tiled(call: Call, _: int) -> Sight:
    """The tensor is repeated along its axes."""
    links: list[Link] = []
    for axis, dim in enumerate(call.input(0).shape or ()):
        repeats = int(call.known(1).reshape(-1)[axis])
        if repeats == 1:
            links.append(Through(axis, axis))
        elif isinstance(dim, int):
            taps = tuple(Taps(position, 1) for position in range(dim))
            links.append(Through(axis, axis, reach(0, taps)))
        else:
            links.append(Opaque(axis, "an axis of unknown length is repeated"))
    return {0: tuple(links)}


def sees_any_position(call: Call, _: int) -> Sight:
    """Where elements are read or written is data."""
    raise Undetermined(f"where {call.node.op} reads depends on the data")


def sees_elementwise_first(call: Call, output: int) -> Sight:
    """Only the first input is data; the second one is a shape."""
    return {0: sees_elementwise(call, output)[0]}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        _move(
            "Identity",
            sees_first_input,
            signal=passes,
            view=views_same,
            carries_weight=True,
            selection=Selection.ALL,
        ),
        *(
            _move(
                name,
                sees_first_input,
                signal=passes,
                view=views_cast,
                unview=views_cast,
                carries_weight=True,
                layout=Layout.FOLLOWS,
                casting=casting,
            )
            for name, casting in (("Cast", STATES), ("CastLike", TAKES_AFTER))
        ),
        _move("Reshape", sees_reshaped, view=views_reshaped, carries_weight=True),
        _move("Flatten", sees_reshaped, view=views_reshaped),
        _move(
            "Transpose",
            sees_transposed,
            view=views_transposed,
            carries_weight=True,
            unview=views_untransposed,
        ),
        *(
            _move(name, sight, view=views_reshaped, carries_weight=True, selection=Selection.ALL)
            for name, sight in (("Squeeze", sees_squeezed), ("Unsqueeze", sees_unsqueezed))
        ),
        _move("Expand", sees_elementwise_first, view=views_expanded, backward=Backward.PASSES),
        _move(
            "Concat",
            sees_concatenated,
            signal=joins,
            backward=Backward.CUTS,
            casting=casts(Casting.JOINED, Casting.WIDEST),
            in_variables=True,
        ),
        _move(
            "Split",
            sees_split,
            view=views_cut,
            backward=Backward.MAKES,
            selection=Selection.ALL,
        ),
        _move(
            "Slice",
            sees_sliced,
            view=views_sliced,
            backward=Backward.MAKES,
            selection=Selection.PART,
        ),
        _move("Pad", sees_padded, keeps_for_padding, casting=casts_for_padding),
        Operator(
            "Gather",
            no_cost,
            keeps_indices,
            sees_gathered,
            looks_up,
            weights=(0,),
            view=views_selected,
            selection=Selection.PART,
        ),
        _move("GatherElements", sees_any_position, keeps_gathered),
        _move("GatherND", sees_any_position, keeps_indices),
        _move("ScatterElements", sees_any_position, keeps_places),
        _move("ScatterND", sees_any_position, keeps_places),
        _move("Tile", sees_tiled),
        _move("ReverseSequence", sees_any_position),
        _move("Trilu", sees_first_input),
        _move("Col2Im", sees_any_position, keeps_input),
    )


def _move(  # noqa: PLR0913 - a keyword a facet
    name: str,
    sight: SightFacet,
    kept: KeptFacet = keeps_nothing,
    *,
    signal: SignalFacet | None = moves,
    view: ViewFacet | None = None,
    carries_weight: bool = False,
    backward: Backward | None = None,
    unview: ViewFacet | None = None,
    layout: Layout = Layout.ROW_MAJOR,
    casting: CastingFacet = KEEPS,
    in_variables: bool = False,
    selection: Selection | None = None,
) -> Operator:
    regroups = Backward.REGROUPS if view is not None else Backward.MAKES
    return Operator(
        name,
        no_cost,
        kept,
        sight,
        signal,
        view=view,
        carries_weight=carries_weight,
        backward=backward or regroups,
        unview=unview,
        layout=layout,
        casting=casting,
        in_variables=in_variables,
        selection=selection,
    )
