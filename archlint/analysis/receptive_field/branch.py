"""How one path reads one axis of one input, as a quasi-affine map of positions."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from operator import itemgetter
from typing import TypeAlias

from msgspec import Struct, field

from archlint.analysis.receptive_field.regrouping import regrouped
from archlint.graph.value import Dim, Shape
from archlint.ops.links import Fixed, Link, Opaque, Piece, Regroup, Through, Whole
from archlint.ops.reach import IDENTITY, Reach, positions, reach, tabulated
from archlint.ops.taps import ORIGIN, Taps
from archlint.ops.undetermined import Undetermined

Terms: TypeAlias = tuple[tuple[int, Reach], ...]


class Everything(Exception):
    """Raised where all of the input's axis is read: no branch needs to be followed further."""


class Mark(enum.Enum):
    """Properties of a branch that its terms do not express."""

    BELOW = "below"  # everything before is read too, as in a causal layer
    ABOVE = "above"  # everything after is read too
    LOOSE = "loose"  # the terms are an upper bound of what is read
    ROLLED = "rolled"  # positions past one end of the input wrap around to the other
    ADRIFT = "adrift"  # the field may be shifted by up to one stride


Marks: TypeAlias = frozenset[Mark]


class Branch(Struct, frozen=True):
    """One way of reading the input: the sum of what each axis of the tensor contributes.

    The element at position (j_0, j_1, ...) reads { t_0 + t_1 + ... + r } for t_k in the reach of
    axis k at j_k, over the axes in `terms`, and r in `rest`. A plain feature map has one term;
    a tensor that was split into windows has one for the window and one for the position inside.

    `marks` are further properties.
    """

    terms: Terms
    rest: Taps = ORIGIN
    marks: Marks = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether the field grows with the position."""
        return not self.marks.isdisjoint((Mark.BELOW, Mark.ABOVE))

    def along(self, axis: int, shape: Shape) -> Reach:
        """Return the map along one axis of a tensor of `shape`, over all positions of the others.

        Raises `Undetermined` where an axis that matters has an unknown length.
        """
        if self.rest is ORIGIN and len(self.terms) == 1 and self.terms[0][0] == axis:
            return self.terms[0][1]
        rest, own = self.rest, Reach(0, (ORIGIN,))
        for other, term in self.terms:
            if other == axis:
                own = term
            else:
                rest = rest.sum(_all_of(term, length(shape, other)))
        return own.sum(rest)


def source_branch(axis: int) -> Branch:
    """Return the branch of the input itself along `axis`."""
    return Branch(((axis, IDENTITY),))


def length(shape: Shape, axis: int) -> int | None:
    """Return the length of an axis, None where it is not known."""
    size: Dim = shape[axis] if axis < len(shape) else None
    return size if isinstance(size, int) else None


def passed(
    branch: Branch, links: Sequence[Link], before: Shape, after: Shape, extent: int | None
) -> Branch | None:
    """Return the branch of an operator's output, or None where it no longer reads anything.

    `before` and `after` are the input and output shapes of the operator, `extent` is the length of
    the tracked input axis. Raises `Everything` where all of it is read, and `Undetermined` where
    that is not known.
    """
    if len(branch.terms) == 1:
        ((axis, term),) = branch.terms
        link = next((link for link in links if _reads(link, axis)), None)
        if isinstance(link, Piece) and link.start == 0 and not term.finite:
            return branch
        if isinstance(link, Through) and not link.adrift:
            return _carried(branch, link, after, extent)
    return _led(branch, links, before, after, extent)


def _led(
    branch: Branch, links: Sequence[Link], before: Shape, after: Shape, extent: int | None
) -> Branch | None:
    passage = _Passage(dict(branch.terms), before, after, extent, branch.rest, set(branch.marks))
    for link in links:
        if isinstance(link, Regroup):
            passage.regroup(link)
        elif link.source in passage.held:
            passage.follow(link, passage.held[link.source])
    return _normal(passage.terms, passage.rest, frozenset(passage.marks), extent)


class _Passage(Struct):
    """A branch during its propagation through an operator: the input and the output terms."""

    held: dict[int, Reach]
    before: Shape
    after: Shape
    extent: int | None
    rest: Taps
    marks: set[Mark]
    terms: list[tuple[int, Reach]] = field(default_factory=list)

    def regroup(self, link: Regroup) -> None:
        new = regrouped(link, self.held)
        self.terms.extend(new.terms)
        self.rest = self.rest.sum(new.rest)
        if not new.exact:
            self.marks.add(Mark.LOOSE)

    def follow(self, link: Through | Piece | Fixed | Whole | Opaque, term: Reach) -> None:
        match link:
            case Opaque(_, reason):
                raise Undetermined(reason)
            case Fixed(_, position):
                self.rest = self.rest.sum(term.at(position))
            case Through(_, target, seen):
                self.terms.append((target, seen.through(term, length(self.after, target))))
                if link.adrift:
                    self.marks.add(Mark.ADRIFT)
            case Piece(axis, start, count):
                self.terms.append((axis, _moved(term, start, count)))
            case Whole():
                self._whole(link, term)

    def _whole(self, link: Whole, term: Reach) -> None:
        if link.causal is not None and len(self.held) == 1 and Mark.ROLLED not in self.marks:
            self.terms.append((link.causal, _running(term, backward=link.backward)))
            self.marks.add(Mark.BELOW if _falls(term) == link.backward else Mark.ABOVE)
            return
        self.rest = self.rest.sum(_covered(term, length(self.before, link.source), self.extent))
        if link.causal is not None:
            self.marks.add(Mark.LOOSE)


def _reads(link: Link, axis: int) -> bool:
    return axis in link.sources if isinstance(link, Regroup) else link.source == axis


def _carried(branch: Branch, link: Through, after: Shape, extent: int | None) -> Branch | None:
    """Return the output branch for the common case of one input and one output term."""
    ((axis, term),) = branch.terms
    target, rest, marks = link.target, branch.rest, branch.marks
    if link.reach is IDENTITY:
        return branch if target == axis else Branch(((target, term),), rest, marks)
    seen = link.reach.through(term, length(after, target))
    return _normal([(target, seen)], rest, marks, extent)


def _moved(term: Reach, start: int, count: int | None) -> Reach:
    """Return the map of a part that begins at `start`."""
    if start == 0 and not term.finite:
        return term
    if not term.finite:
        return Reach(1, (Taps(-start, 1),)).through(term, None)
    entries = [term.at(position - start) for position in positions(start + (count or term.period))]
    return tabulated(entries)


def _covered(term: Reach, count: int | None, extent: int | None) -> Taps:
    """Return the union over all positions of an axis.

    Raises `Everything` where that is the whole extent, except for elements at its ends that are
    dropped by strides and missing padding.
    """
    if count is None and not term.finite:
        raise Everything
    taps = _all_of(term, count)
    if extent is None or not taps:
        if taps:
            raise Everything
        return taps
    dropped = max(0, -(-abs(term.advance) // term.period) - 1)
    if taps.low <= dropped and taps.high >= extent - 1 - dropped:
        raise Everything
    return taps


def _all_of(term: Reach, count: int | None) -> Taps:
    if term.finite:
        count = term.period
    if count is None:
        raise Undetermined("all of an axis of unknown length is read")
    return term.of_set(Taps.progression(0, count, 1)) if count else term.offsets[0]


def _falls(term: Reach) -> bool:
    """Whether later positions read earlier elements, as after reversing the axis."""
    if not term.finite:
        return term.advance < 0
    filled = [taps for taps in term.offsets if taps]
    return bool(filled) and filled[-1].low < filled[0].low


def _running(term: Reach, *, backward: bool) -> Reach:
    """Return a map with a non-decreasing end: how far a running layer has read at each position."""
    count = term.period
    if count == 1:
        return term
    first, last = (0, count) if term.finite else (-count, 2 * count)
    order = range(last - 1, -1, -1) if backward else range(first, count)
    upwards = _falls(term) == backward
    reached: dict[int, Taps] = {}
    furthest: Taps | None = None
    for position in order:
        taps = term.at(position)
        if taps:
            end = Taps(taps.high if upwards else taps.low, 1)
            if furthest is None or (end.low > furthest.low) == upwards:
                furthest = end
        reached[position] = furthest or taps
    offsets = [reached[position] for position in range(count)]
    return tabulated(offsets) if term.finite else reach(term.advance, offsets)


def _normal(
    terms: Sequence[tuple[int, Reach]], rest: Taps, marks: Marks, extent: int | None
) -> Branch | None:
    """Return a branch without constant terms and, where it has one term, without a rest."""
    moving = []
    for axis, term in sorted(terms, key=itemgetter(0)) if len(terms) > 1 else terms:
        if term.is_empty:
            return None
        if term.is_constant:
            rest = rest.sum(term.offsets[0])
        else:
            moving.append((axis, term))
    if not rest:
        return None
    if not moving:
        return _resting(rest, marks, extent)
    if len(moving) == 1 and rest != ORIGIN:
        moving, rest = [(moving[0][0], moving[0][1].sum(rest))], ORIGIN
    return Branch(tuple(moving), rest, marks)


def _resting(rest: Taps, marks: Marks, extent: int | None) -> Branch | None:
    """Return the branch of a tensor all of whose positions read `rest`."""
    if not marks.isdisjoint((Mark.BELOW, Mark.ABOVE)):
        return _closed(rest, marks, extent)
    inside = extent is not None and rest.low > 0 and rest.high < extent - 1
    if Mark.ROLLED in marks and not inside:
        raise Everything
    if extent is not None:
        rest = rest.within(0, extent - 1)
        if rest.span >= extent > 1:
            raise Everything
    return Branch((), rest, marks) if rest else None


def _closed(rest: Taps, marks: Marks, extent: int | None) -> Branch:
    """Return the elements that a running layer reads at one position: all before, or all after."""
    if extent is None or {Mark.BELOW, Mark.ABOVE} <= marks:
        raise Everything
    low = 0 if Mark.BELOW in marks else max(rest.low, 0)
    high = extent - 1 if Mark.ABOVE in marks else min(rest.high, extent - 1)
    if low <= 0 and high >= extent - 1:
        raise Everything
    taps = Taps.progression(low, max(high - low + 1, 1), 1)
    return Branch((), taps, marks - {Mark.BELOW, Mark.ABOVE})
