"""Fields through a reshape: axes are merged into one, which is then split again."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm

from msgspec import Struct

from archlint.ops.links import Regroup
from archlint.ops.reach import Reach, reach, tabulated
from archlint.ops.taps import ORIGIN, Taps, united
from archlint.ops.undetermined import Undetermined

_NOTHING_MOVES = Reach(0, (ORIGIN,))
_LONGEST_MERGED = 1 << 17


class Regrouped(Struct, frozen=True):
    """The terms of the new axes and the rest; `exact` is false where they are an upper bound."""

    terms: tuple[tuple[int, Reach], ...] = ()
    rest: Taps = ORIGIN
    exact: bool = True


def regrouped(link: Regroup, held: Mapping[int, Reach]) -> Regrouped:
    """Merge the old axes into one, then split that into the new ones.

    Raises `Undetermined` where a size that is needed is not known.
    """
    if not any(source in held for source in link.sources):
        return Regrouped()
    merged = held.get(link.sources[0], _NOTHING_MOVES)
    for source, size in zip(link.sources[1:], link.source_sizes[1:], strict=True):
        merged = _merged(merged, held.get(source, _NOTHING_MOVES), size)
    if not link.targets:
        return Regrouped(rest=merged.at(0))
    terms: list[tuple[int, Reach]] = []
    exact = True
    for target, size in zip(link.targets[:0:-1], link.target_sizes[:0:-1], strict=True):
        cut = _cut(merged, size)
        exact = exact and cut is not None
        merged, inner = (_pieces(merged, size), _NOTHING_MOVES) if cut is None else cut
        terms.append((target, inner))
    return Regrouped((*terms, (link.targets[0], merged)), exact=exact)


def _merged(outer: Reach, inner: Reach, size: int | None) -> Reach:
    """Return the map of axes (outer, inner) merged into one; the inner has `size` positions."""
    if size is None or not 0 < size * outer.period <= _LONGEST_MERGED:
        raise Undetermined("axes are merged into one that is empty, or too long to follow")
    inside = [inner.at(position) for position in range(size)]
    offsets = [taps.sum(inner_taps) for taps in outer.offsets for inner_taps in inside]
    return tabulated(offsets) if outer.finite else reach(outer.advance, offsets)


def _cut(whole: Reach, size: int | None) -> tuple[Reach, Reach] | None:
    """Return the maps of one axis split into pieces of `size`: of the pieces, and within them.

    None where the pieces differ: then no sum of two maps represents the field.
    """
    if size is None:
        raise Undetermined("an axis is cut into pieces of unknown size")
    turn = whole.period if whole.finite else lcm(size, whole.period)
    if size < 1 or max(size, turn) > _LONGEST_MERGED:
        raise Undetermined(
            "an axis is cut into no pieces, or into some that are too long to follow"
        )
    first = [whole.at(position) for position in range(size)]
    starts = []
    for start in range(0, turn, size):
        piece = [whole.at(start + position) for position in range(size)]
        offset = piece[0].low - first[0].low
        if any(now != then.shifted(offset) for now, then in zip(piece, first, strict=True)):
            return None
        starts.append(Taps(offset, 1))
    if whole.finite:
        return tabulated(starts), tabulated(first)
    return reach(whole.advance * turn // whole.period, starts), tabulated(first)


def _pieces(whole: Reach, size: int | None) -> Reach:
    """Return the map of pieces of `size`, each of which is assumed to read all of its elements."""
    count = size or 1
    turn = whole.period if whole.finite else lcm(count, whole.period)
    pieces = [
        united(whole.at(start + position) for position in range(count))
        for start in range(0, turn, count)
    ]
    if whole.finite:
        return tabulated(pieces)
    return reach(whole.advance * turn // whole.period, pieces)
