"""Operators that gather or scatter elements by index, or write into a cache."""

from __future__ import annotations

from archlint.graph.value import Role, Shape
from archlint.ops.call import Call, nbytes
from archlint.ops.facets import no_cost, sees_any_position
from archlint.ops.links import (
    Fixed,
    InputLinks,
    Link,
    Links,
    Opaque,
    Regroup,
    Stage,
    Through,
    Whole,
    same_axes,
)
from archlint.ops.operator import Operator
from archlint.ops.reach import tabulated
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.selection import Selection
from archlint.ops.signals import looks_up, moves, passes
from archlint.ops.storage import Storage
from archlint.ops.strides import views_selected
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined

_OF_SHAPES = frozenset({"Shape", "Size"})


def sees_gathered(call: Call, _: int) -> InputLinks:
    """Indices choose positions of one axis; where indices are data, all of it may be read."""
    rank = call.rank(0)
    axis = call.integer("axis", 0) % rank
    indices = call.constant(1)
    if indices is not None and indices.dtype.kind not in "iu":
        raise Undetermined("the indices are no integers")
    chosen = call.rank(1)
    if indices is not None and chosen > 1:
        return {0: _gathered_grid(call, axis, indices.shape, indices.reshape(-1).tolist())}
    links: list[Link] = list(same_axes(axis))
    links.extend(Through(each, each + chosen - 1) for each in range(axis + 1, rank))
    links.append(
        _chosen(call, axis, chosen, None if indices is None else indices.reshape(-1).tolist())
    )
    by_slot: dict[int, Links] = {0: tuple(links)}
    if indices is None:
        by_slot[1] = tuple(Through(each, axis + each) for each in range(chosen))
    return by_slot


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
    after = [Through(each, each + chosen - 1) for each in range(axis + 1, rank)]
    return (
        Stage((*others, link), listed),
        Stage((*same_axes(axis), cut, *after), call.output().shape or ()),
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


def saves_indices(call: Call, gradients: Gradients) -> SavedTensors:
    """A lookup saves its indices; selecting one position along an axis is a view.

    The gradient of an embedding is allocated once, that of another tensor is scattered into zeros.
    """
    if not gradients[0] or call.input(1).shape == ():
        return NOTHING
    is_table = call.input(0).role is Role.STORED
    return SavedTensors(inputs=(1,), transient=0 if is_table else nbytes(call.input(0)))


def saves_gathered(call: Call, gradients: Gradients) -> SavedTensors:
    """Gathering elements saves the indices, and the input for the shape of the gradient.

    The gradient is scattered into zeros.
    """
    return SavedTensors(inputs=(0, 1), transient=nbytes(call.input(0))) if gradients[0] else NOTHING


def saves_places(call: Call, gradients: Gradients) -> SavedTensors:
    """Scattering, with or without addition, saves the indices for both gradients."""
    if call.text("reduction", "none") not in {"none", "add"}:
        return saves_reduced(call, gradients)
    return SavedTensors(inputs=(1,)) if gradients[0] or gradients[2] else NOTHING


def saves_reduced(call: Call, gradients: Gradients) -> SavedTensors:
    """A scatter reduction saves all its inputs, whichever the reduction.

    The gradient of a maximum or minimum is shared among equal elements, which are counted, and that
    of a product is divided by each factor, if at most one of them is zero.
    """
    if not (gradients[0] or gradients[2]):
        return NOTHING
    reduction, marks = call.text("reduction", "none"), call.elements(2)
    parts, whole = nbytes(call.input(2)), nbytes(call.output())
    both = 0 if gradients[0] else whole  # both gradients are made, whichever is needed
    made = 3 * (parts + whole) + marks
    if reduction == "mul":
        made = 6 * parts + 5 * whole + 2 * marks
    return SavedTensors((0, 1, 2), (0,), transient=both + (0 if reduction == "add" else made))


def saves_written(call: Call, gradients: Gradients) -> SavedTensors:
    """As scattering, but nothing is saved where the indices are those of a slice.

    Exporters compute the indices of a slice; PyTorch writes into a view of the tensor then.
    """
    return NOTHING if _is_worked_out(call.node.inputs[1], call) else saves_places(call, gradients)


def _is_worked_out(name: str, call: Call) -> bool:
    """Whether integers depend on constants and shapes only."""
    graph, waiting, seen = call.graph, [name], set[str]()
    while waiting:
        current = waiting.pop()
        maker = graph.producers.get(current)
        if maker is None and current not in graph.weights and current not in graph.constants:
            return False
        if maker is not None and maker.op not in _OF_SHAPES and maker.name not in seen:
            seen.add(maker.name)
            waiting += filter(None, maker.inputs)
    return True


def sees_written(call: Call, _: int) -> InputLinks:
    """A cache is unchanged except for the written positions, which depend on the data."""
    rank = call.rank(0)
    axis = call.integer("axis", -2) % rank
    links: list[Link] = list(same_axes(rank))
    links[axis] = Opaque(axis, "where a cache is written depends on the data")
    return {0: same_axes(rank), 1: tuple(links)}


def saves_cache_indices(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the indices that were written."""
    return SavedTensors(inputs=(2,)) if gradients.needed and call.has_input(2) else NOTHING


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    elsewhere = (
        ("GatherElements", saves_gathered),
        ("GatherND", saves_indices),
        ("ScatterElements", saves_places),
        ("ScatterND", saves_written),
    )
    return (
        Operator(
            "Gather",
            no_cost,
            saves_indices,
            sees_gathered,
            looks_up,
            weights=(0,),
            storage=Storage(view=views_selected),
            selection=Selection.PART,
        ),
        *(Operator(name, no_cost, saved, sees_any_position, moves) for name, saved in elsewhere),
        Operator("Scatter", no_cost, saves_indices, sees_any_position, passes),
        Operator("TensorScatter", no_cost, saves_cache_indices, sees_written, passes),
    )
