"""How a reshape re-cuts axes: the smallest groups that hold the same elements."""

from __future__ import annotations

from archlint.graph.value import Dim, Shape
from archlint.ops.links import Fixed, Link, Opaque, Regroup, Through


def regroupings(before: Shape, after: Shape) -> tuple[Link, ...]:
    """Return the links of a reshape from `before` to `after`.

    Axes are matched from the left into groups with equal numbers of elements. A symbol matches
    the same symbol; a group with any other unknown size is opaque.
    """
    links: list[Link] = []
    source = target = 0
    while source < len(before) or target < len(after):
        sources, targets = _next_group(before, after, source, target)
        links.extend(_links(before, after, sources, targets))
        source, target = sources.stop, targets.stop
    return tuple(links)


def _next_group(before: Shape, after: Shape, source: int, target: int) -> tuple[range, range]:
    """Return the next smallest runs of axes whose products agree."""
    if _at(before, source) == _at(after, target) and _at(before, source) is not None:
        return range(source, source + 1), range(target, target + 1)
    ends = [source, target]
    products: list[int | None] = [1, 1]
    shapes = (before, after)
    while True:
        side = 0 if _behind(products) else 1
        if ends[side] >= len(shapes[side]):
            side = 1 - side
        if ends[side] >= len(shapes[side]):
            break
        dim = shapes[side][ends[side]]
        current = products[side]
        products[side] = current * dim if isinstance(dim, int) and current is not None else None
        ends[side] += 1
        if None in products:
            ends = [len(before), len(after)]
            break
        if products[0] == products[1] and products[0] != 1:
            break
    # Axes of one element at the end of a shape belong to the last group.
    if all(dim == 1 for dim in before[ends[0] :]) and all(dim == 1 for dim in after[ends[1] :]):
        ends = [len(before), len(after)]
    return range(source, ends[0]), range(target, ends[1])


def _behind(products: list[int | None]) -> bool:
    left, right = products
    return left is not None and right is not None and left <= right


def _at(shape: Shape, axis: int) -> Dim:
    return shape[axis] if axis < len(shape) else None


def _links(before: Shape, after: Shape, sources: range, targets: range) -> tuple[Link, ...]:
    """Return the links of one group, without the axes of one element."""
    singles = tuple(Fixed(axis) for axis in sources if before[axis] == 1)
    wide_sources = [axis for axis in sources if before[axis] != 1]
    wide_targets = [axis for axis in targets if after[axis] != 1]
    if len(wide_sources) == 1 and len(wide_targets) == 1:
        return (*singles, Through(wide_sources[0], wide_targets[0]))
    source_sizes = tuple(
        dim for dim in (before[axis] for axis in wide_sources) if isinstance(dim, int)
    )
    target_sizes = tuple(
        dim for dim in (after[axis] for axis in wide_targets) if isinstance(dim, int)
    )
    if len(source_sizes) < len(wide_sources) or len(target_sizes) < len(wide_targets):
        reason = "a reshape merges or splits axes of unknown size"
        return (*singles, *(Opaque(axis, reason) for axis in wide_sources))
    group = Regroup(tuple(wide_sources), source_sizes, tuple(wide_targets), target_sizes)
    return (*singles, group) if wide_sources else singles
