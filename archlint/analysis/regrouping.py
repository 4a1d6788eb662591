"""Fields through a reshape: axes are merged into one, and that is cut anew."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm

from archlint.ops.links import Regroup
from archlint.ops.reach import Reach, reach, tabulated
from archlint.ops.taps import ORIGIN, Taps
from archlint.ops.undetermined import Undetermined

_NOTHING_MOVES = Reach(0, (ORIGIN,))
_LONGEST_MERGED = 1 << 17


def regrouped(link: Regroup, held: Mapping[int, Reach]) -> tuple[list[tuple[int, Reach]], Taps]:
    """Return the terms of the new axes, and what is read besides.

    Merges the old axes into one, then cuts that; raises `Undetermined` where the pattern of the
    field does not fit the cut.
    """
    if not any(source in held for source in link.sources):
        return [], ORIGIN
    merged = held.get(link.sources[0], _NOTHING_MOVES)
    for source, size in zip(link.sources[1:], link.source_sizes[1:], strict=True):
        merged = _merged(merged, held.get(source, _NOTHING_MOVES), size)
    if not link.targets:
        return [], merged.at(0)
    terms: list[tuple[int, Reach]] = []
    for target, size in zip(link.targets[:0:-1], link.target_sizes[:0:-1], strict=True):
        merged, inner = _cut(merged, size)
        terms.append((target, inner))
    return [*terms, (link.targets[0], merged)], ORIGIN


def _merged(outer: Reach, inner: Reach, size: int | None) -> Reach:
    """Return the map of axes (outer, inner) merged into one; the inner has `size` positions."""
    if size is None or size * outer.period > _LONGEST_MERGED:
        raise Undetermined("axes are merged into one that is too long to follow")
    inside = [inner.at(position) for position in range(size)]
    offsets = [taps.sum(inner_taps) for taps in outer.offsets for inner_taps in inside]
    return tabulated(offsets) if outer.finite else reach(outer.advance, offsets)


def _cut(whole: Reach, size: int | None) -> tuple[Reach, Reach]:
    """Return the maps of one axis cut into pieces of `size`: of the pieces, and inside of them."""
    if size is None:
        raise Undetermined("an axis is cut into pieces of unknown size")
    turn = whole.period if whole.finite else lcm(size, whole.period)
    first = [whole.at(position) for position in range(size)]
    starts = []
    for start in range(0, turn, size):
        piece = [whole.at(start + position) for position in range(size)]
        offset = piece[0].low - first[0].low
        if any(now != then.shifted(offset) for now, then in zip(piece, first, strict=True)):
            raise Undetermined("an axis is cut across the pattern of its receptive field")
        starts.append(Taps(offset, 1))
    if whole.finite:
        return tabulated(starts), tabulated(first)
    return reach(whole.advance * turn // whole.period, starts), tabulated(first)
