"""How a reshape regroups axes: the smallest groups of axes with the same elements."""

from __future__ import annotations

from collections.abc import Sequence

from archlint.graph.value import Dim, Shape
from archlint.ops.links import Fixed, Link, Opaque, Regroup, Through


def regroupings(before: Shape, after: Shape) -> tuple[Link, ...]:
    """Return the links of a reshape from `before` to `after`.

    Axes are matched from the left into groups with equal numbers of elements, as far as sizes are
    known, and what is left is matched from the right. A symbol matches the same symbol.
    """
    links: list[Link] = []
    left = _matched(before, after)
    for sources, targets in left:
        links.extend(_links(before, after, sources, targets))
    first, second = (left[-1][0].stop, left[-1][1].stop) if left else (0, 0)
    # Counted from the end, so that the same walk serves the other direction.
    right = _matched(before[first:][::-1], after[second:][::-1])
    for sources, targets in right:
        links.extend(
            _links(before, after, _mirrored(sources, len(before)), _mirrored(targets, len(after)))
        )
    done = (right[-1][0].stop, right[-1][1].stop) if right else (0, 0)
    rest = range(first, len(before) - done[0]), range(second, len(after) - done[1])
    return (*links, *_links(before, after, *rest))


def _matched(before: Sequence[Dim], after: Sequence[Dim]) -> list[tuple[range, range]]:
    """Return runs of axes from the left on whose products agree, up to an unknown size."""
    groups = []
    source = target = 0
    while source < len(before) and target < len(after):
        if before[source] == after[target] and before[source] is not None:
            ends = source + 1, target + 1
        else:
            found = _agreeing(before[source:], after[target:])
            if found is None:
                break
            ends = source + found[0], target + found[1]
        groups.append((range(source, ends[0]), range(target, ends[1])))
        source, target = ends
    return groups


def _agreeing(before: Sequence[Dim], after: Sequence[Dim]) -> tuple[int, int] | None:
    """Return how many axes on each side hold the same number of elements; None if not known."""
    counts, products = [0, 0], [1, 1]
    sides = (before, after)
    while products[0] != products[1] or products[0] == 1:
        side = 0 if products[0] <= products[1] else 1
        if counts[side] == len(sides[side]):
            side = 1 - side
        if counts[side] == len(sides[side]):
            return None
        dim = sides[side][counts[side]]
        if not isinstance(dim, int):
            return None
        products[side] *= dim
        counts[side] += 1
    return counts[0], counts[1]


def _mirrored(axes: range, rank: int) -> range:
    return range(rank - axes.stop, rank - axes.start)


def _links(before: Shape, after: Shape, sources: range, targets: range) -> tuple[Link, ...]:
    """Return the links of one group, without the axes of one element."""
    singles = tuple(Fixed(axis) for axis in sources if before[axis] == 1)
    wide_sources = tuple(axis for axis in sources if before[axis] != 1)
    wide_targets = tuple(axis for axis in targets if after[axis] != 1)
    if len(wide_sources) == 1 and len(wide_targets) == 1:
        return (*singles, Through(wide_sources[0], wide_targets[0]))
    source_sizes = _sizes(before, wide_sources)
    target_sizes = _sizes(after, wide_targets)
    # Row-major order runs from the last axis on: how long the first one is does not matter.
    if None in source_sizes[1:] or None in target_sizes[1:]:
        reason = "a reshape merges or splits axes of unknown size"
        return (*singles, *(Opaque(axis, reason) for axis in wide_sources))
    group = Regroup(wide_sources, source_sizes, wide_targets, target_sizes)
    return (*singles, group) if wide_sources else singles


def _sizes(shape: Shape, axes: Sequence[int]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size := shape[axis], int) else None for axis in axes)
