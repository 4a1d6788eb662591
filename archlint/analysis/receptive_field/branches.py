"""The union of all paths by which a tensor reads one axis of one input."""

from __future__ import annotations

from collections.abc import Sequence

from archlint.analysis.receptive_field.branch import Branch, Mark, length
from archlint.graph.value import Shape
from archlint.ops.links import Piece
from archlint.ops.reach import Reach, tabulated
from archlint.ops.taps import NO_TAPS, ORIGIN
from archlint.ops.undetermined import Undetermined

_MOST_BRANCHES = 8
_LONGEST_ROW = 1 << 17
"""The most positions of a concatenated axis that are tabulated one by one."""


def merged(branches: Sequence[Branch], shape: Shape) -> tuple[Branch, ...]:
    """Return an equivalent minimal list of branches, for a tensor of `shape`.

    Raises `Undetermined` where too many remain.
    """
    result: list[Branch] = []
    for new in branches:
        for index, old in enumerate(result):
            both = _joined(old, new, shape)
            if both is not None:
                result[index] = both
                break
        else:
            result.append(new)
    if len(result) > _MOST_BRANCHES:
        raise Undetermined("too many paths with different strides meet")
    return tuple(result)


def _joined(first: Branch, second: Branch, shape: Shape) -> Branch | None:
    """Return the union of two branches as one branch, None where there is none."""
    if first == second:
        return first
    axes = {axis for branch in (first, second) for axis, _ in branch.terms}
    if not axes:
        return Branch((), first.rest.union(second.rest), first.marks | second.marks)
    if len(axes) == 1:
        return _joined_along(axes.pop(), first, second, shape)
    if first.is_open or second.is_open or first.rest != second.rest:
        return None
    return _joined_in_one_axis(first, second, shape)


def _joined_along(axis: int, first: Branch, second: Branch, shape: Shape) -> Branch | None:
    """Return the union of branches along one axis; a branch that contains the other is returned."""
    both = _single(first).union(_single(second), length(shape, axis))
    if both is None:
        return None
    joined = Branch(((axis, both),), ORIGIN, first.marks | second.marks)
    return next((branch for branch in (first, second) if branch == joined), joined)


def _single(branch: Branch) -> Reach:
    """Return the map of a branch with one term or none."""
    term = branch.terms[0][1] if branch.terms else Reach(0, (ORIGIN,))
    return term.sum(branch.rest)


def _joined_in_one_axis(first: Branch, second: Branch, shape: Shape) -> Branch | None:
    """Return the union of branches of several terms that differ along one axis only."""
    if [axis for axis, _ in first.terms] != [axis for axis, _ in second.terms]:
        return None
    pairs = list(zip(first.terms, second.terms, strict=True))
    different = [position for position, (left, right) in enumerate(pairs) if left != right]
    if len(different) != 1:
        return None
    (position,) = different
    (axis, left), (_, right) = pairs[position]
    both = left.union(right, length(shape, axis))
    if both is None:
        return None
    terms = (*first.terms[:position], (axis, both), *first.terms[position + 1 :])
    return Branch(terms, first.rest, first.marks | second.marks)


def joined_pieces(
    parts: Sequence[tuple[Piece, Branch]], shape: Shape, extent: int | None
) -> tuple[tuple[Branch, ...], bool]:
    """Return the branches of parts that are concatenated along an axis, and whether they are exact.

    Where only one part reads the input, the others act as padding. Where a part continues another
    one past its end, the axis was rolled: as with circular padding, the longest part determines the
    field of the interior.
    """
    axis = parts[0][0].axis
    distinct = list(dict.fromkeys(branch for _, branch in parts))
    if len(distinct) == 1:
        return (distinct[0],), True
    if not any(own == axis for branch in distinct for own, _ in branch.terms):
        return merged(distinct, shape), True  # pieces of another axis, as channels are
    total = length(shape, axis)
    flat = all(own == axis for branch in distinct for own, _ in branch.terms)
    is_told = total is not None and total <= _LONGEST_ROW
    # Where the sizes of a malformed file contradict each other, parts may reach past the end.
    ends = [None if each.length is None else each.start + each.length for each, _ in parts]
    if total is None or not is_told or not flat or any(end is None or end > total for end in ends):
        return merged(distinct, shape), False
    rolled = _rolled(parts, total, extent)
    if rolled is not None:
        return (rolled,), True
    entries = [NO_TAPS] * total
    for piece, branch in parts:
        own = _single(branch)
        for position in range(piece.start, piece.start + (piece.length or 0)):
            entries[position] = entries[position].union(own.at(position))
    marks = frozenset(mark for branch in distinct for mark in branch.marks)
    return (Branch(((axis, tabulated(entries)),), ORIGIN, marks),), True


def _rolled(parts: Sequence[tuple[Piece, Branch]], total: int, extent: int | None) -> Branch | None:
    """Return the branch of the longest part where the others continue it around the end.

    The positions of the other parts must lie at a border of the extent, since a field describes
    interior positions only.
    """
    longest, branch = max(parts, key=lambda part: part[0].length or 0)
    own = _single(branch)
    if own.finite or own.advance == 0 or (own.advance * total) % own.period:
        return None
    turn = own.advance * total // own.period
    stop = longest.start + (longest.length or 0)
    outside = [own.at(longest.start - 1)] if longest.start else []
    outside += [own.at(stop)] if stop < total else []
    if extent is None or any(taps.low > 0 and taps.high < extent - 1 for taps in outside):
        return None
    for _, other in parts:
        if not branch.terms or not other.terms:
            return None
        around = _single(other)
        if around != own and around not in (_shifted(own, turn), _shifted(own, -turn)):
            return None
    return Branch(branch.terms, branch.rest, branch.marks | {Mark.ROLLED})


def _shifted(own: Reach, offset: int) -> Reach:
    return Reach(own.advance, tuple(taps.shifted(offset) for taps in own.offsets))
