"""The receptive field of a tensor along one axis of one input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from archlint.ops.links import Fixed, Link, Opaque, Regroup, Through, Whole
from archlint.ops.reach import IDENTITY, Reach, reach, tabulated
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined

Terms: TypeAlias = tuple[tuple[int, Reach], ...]

_MOST_BRANCHES = 8
_ORIGIN = Taps(0, 1)


@dataclass(frozen=True, slots=True)
class Branch:
    """One way of reading the input: the sum of what each axis of the tensor contributes.

    The element at position (j_0, j_1, ...) reads { t_0 + t_1 + ... + r } for t_k in the reach of
    axis k at j_k, over the axes in `terms`, and r in `rest`. A plain feature map has one term;
    a tensor that was cut into windows has one for the window and one for the place inside.
    """

    terms: Terms
    rest: Taps = _ORIGIN

    @property
    def axis(self) -> int | None:
        """The one axis of the tensor that carries the input's axis, None where there is not one."""
        return self.terms[0][0] if len(self.terms) == 1 else None


@dataclass(frozen=True, slots=True)
class Field:
    """What the elements of a tensor read of one input axis.

    `whole` means that everything is read: the field is global. `bounded` means that the field is
    an upper bound of the truth; `unknown` gives the reason where nothing can be said.
    """

    branches: tuple[Branch, ...] = ()
    whole: bool = False
    bounded: bool = False
    unknown: str | None = None

    @property
    def axis(self) -> int | None:
        """The axis of the tensor that carries the input's axis."""
        axes = {branch.axis for branch in self.branches}
        return axes.pop() if len(axes) == 1 and not self.whole and self.unknown is None else None

    @property
    def is_local(self) -> bool:
        """Whether the field is a known number of input elements."""
        return not self.whole and self.unknown is None

    @property
    def is_independent(self) -> bool:
        """Whether nothing of the input is read."""
        return self.is_local and not self.branches

    @property
    def moves(self) -> bool:
        """Whether the field moves along an axis of the tensor: the tensor is a feature map."""
        return self.reach is not None and self.reach.stride != 0

    @property
    def reach(self) -> Reach | None:
        """The map along that axis, where there is just one."""
        if self.axis is None or len(self.branches) != 1:
            return None
        (branch,) = self.branches
        return branch.terms[0][1].sum(branch.rest)

    @property
    def status(self) -> str:
        """How sure the field is: exact, upper-bound or unknown."""
        if self.unknown is not None:
            return "unknown"
        return "upper-bound" if self.bounded or len(self.branches) > 1 else "exact"

    @property
    def size(self) -> tuple[int, int]:
        """The smallest and the largest size over the phases, in input elements.

        (0, 0) for a tensor that does not depend on the input.
        """
        if not self.branches:
            return 0, 0
        reaches = [_sizes(branch) for branch in self.branches]
        if len(reaches) == 1:
            return reaches[0]
        union = _hull(self.branches)
        return (
            union
            if union is not None
            else (max(low for low, _ in reaches), max(high for _, high in reaches))
        )

    @property
    def taps(self) -> tuple[int, int] | None:
        """How many of the elements inside are read, over the phases."""
        if self.reach is None:
            return None
        counts = [taps.count for taps in self.reach.offsets]
        return min(counts), max(counts)


def _sizes(branch: Branch) -> tuple[int, int]:
    low = high = branch.rest.span
    for _, term in branch.terms:
        spans = [taps.span for taps in term.offsets]
        low += min(spans) - 1
        high += max(spans) - 1
    return low, high


def _hull(branches: Sequence[Branch]) -> tuple[int, int] | None:
    """Return the size of branches that do not move against each other."""
    if any(branch.terms for branch in branches):
        return None
    rest = branches[0].rest
    for branch in branches[1:]:
        rest = rest.union(branch.rest)
    return rest.span, rest.span


WHOLE = Field(whole=True)


def source_field(axis: int) -> Field:
    """Return the field of the input itself along `axis`."""
    return Field((Branch(((axis, IDENTITY),)),))


def unknown_field(reason: str) -> Field:
    """Return the field of a tensor about which nothing can be said."""
    return Field(unknown=reason)


def union(fields: Sequence[Field]) -> Field:
    """Return what is read along any of several paths."""
    for field in fields:
        if field.unknown is not None:
            return field
    if any(field.whole for field in fields):
        return replace(WHOLE, bounded=all(field.bounded for field in fields if field.whole))
    branches: list[Branch] = []
    for field in fields:
        for branch in field.branches:
            _add(branches, branch)
    if len(branches) > _MOST_BRANCHES:
        return unknown_field("too many paths with different strides meet")
    return Field(tuple(branches), bounded=any(field.bounded for field in fields))


def _add(branches: list[Branch], new: Branch) -> None:
    """Add a branch, joined with one that differs from it in a single axis, if there is one."""
    for index, old in enumerate(branches):
        joined = _joined(old, new)
        if joined is not None:
            branches[index] = joined
            return
    branches.append(new)


def _joined(first: Branch, second: Branch) -> Branch | None:
    if first == second:
        return first
    if [axis for axis, _ in first.terms] != [axis for axis, _ in second.terms]:
        return None
    if not first.terms:
        return Branch((), first.rest.union(second.rest))
    if len(first.terms) == 1:
        left = first.terms[0][1].sum(first.rest)
        both = left.union(second.terms[0][1].sum(second.rest))
        return None if both is None else Branch(((first.terms[0][0], both),))
    different = [
        k
        for k, pair in enumerate(zip(first.terms, second.terms, strict=True))
        if pair[0] != pair[1]
    ]
    if first.rest != second.rest or len(different) != 1:
        return None
    k = different[0]
    both = first.terms[k][1].union(second.terms[k][1])
    if both is None:
        return None
    terms = (*first.terms[:k], (first.terms[k][0], both), *first.terms[k + 1 :])
    return Branch(terms, first.rest)


def through(
    field: Field, links: Sequence[Link], shape: Sequence[object], extent: int | None
) -> Field:
    """Return the field of an operator's output that reads a tensor with `field` through `links`.

    `shape` is the shape of that tensor, `extent` the length of the input axis that is followed.
    """
    if field.whole or field.unknown is not None:
        return field
    try:
        fields = [_branch_through(branch, links, shape, extent) for branch in field.branches]
    except Undetermined as reason:
        return unknown_field(str(reason))
    joined = union(fields)
    return replace(joined, bounded=joined.bounded or field.bounded)


def _branch_through(
    branch: Branch, links: Sequence[Link], shape: Sequence[object], extent: int | None
) -> Field:
    terms: list[tuple[int, Reach]] = []
    rest = branch.rest
    held = dict(branch.terms)
    for link in links:
        if isinstance(link, Regroup):
            new_terms, more = _regrouped(link, held)
            terms.extend(new_terms)
            rest = rest.sum(more)
            continue
        term = held.get(link.source)
        if term is None:
            continue
        match link:
            case Opaque(_, reason):
                return unknown_field(reason)
            case Fixed(_, position):
                rest = rest.sum(term.at(position))
            case Through(_, target, seen):
                terms.append((target, seen.through(term)))
            case Whole(source):
                covered = _covered(term, shape[source], extent)
                if covered is None:
                    return WHOLE
                rest = rest.sum(covered)
    if extent is not None and rest.span >= extent:
        return WHOLE
    return Field((_normal(terms, rest),))


def _covered(term: Reach, length: object, extent: int | None) -> Taps | None:
    """Return what all positions of an axis read together, None where that is everything."""
    if not isinstance(length, int):
        return None
    if extent is not None and term.advance:
        ends = (term.at(0), term.at(length - 1))
        if max(end.high for end in ends) - min(end.low for end in ends) + 1 >= extent:
            return None
    taps = term.of_set(Taps.progression(0, length, 1))
    return None if extent is not None and taps.span >= extent else taps


def _normal(terms: Sequence[tuple[int, Reach]], rest: Taps) -> Branch:
    """Return a branch without constant terms and, where it has one term, without a rest."""
    moving = []
    for axis, term in sorted(terms, key=lambda pair: pair[0]):
        if term.is_constant:
            rest = rest.sum(term.offsets[0])
        else:
            moving.append((axis, term))
    if len(moving) == 1 and rest != _ORIGIN:
        return Branch(((moving[0][0], moving[0][1].sum(rest)),))
    return Branch(tuple(moving), rest)


def _regrouped(link: Regroup, held: dict[int, Reach]) -> tuple[list[tuple[int, Reach]], Taps]:
    """Return the terms of the new axes: merge the old axes into one, then cut that."""
    if not any(source in held for source in link.sources):
        return [], _ORIGIN
    merged = held.get(link.sources[0], Reach(0, (_ORIGIN,)))
    for source, size in zip(link.sources[1:], link.source_sizes[1:], strict=True):
        merged = _merged(merged, held.get(source, Reach(0, (_ORIGIN,))), size)
    terms: list[tuple[int, Reach]] = []
    length = 1
    for size in link.target_sizes:
        length *= size
    for target, size in zip(link.targets[:-1], link.target_sizes[:-1], strict=True):
        length //= size
        outer, merged = _cut(merged, size, length)
        terms.append((target, outer))
    if not link.targets:
        return terms, merged.at(0)
    terms.append((link.targets[-1], merged))
    return terms, _ORIGIN


def _merged(outer: Reach, inner: Reach, size: int) -> Reach:
    """Return the map of axes (outer, inner) merged into one; the inner has `size` positions."""
    if size * outer.period > 1 << 17:
        raise Undetermined("axes are merged into one that is too long to follow")
    inside = [inner.at(position) for position in range(size)]
    offsets = [taps.sum(inner_taps) for taps in outer.offsets for inner_taps in inside]
    return reach(outer.advance, offsets)


def _cut(whole: Reach, count: int, size: int) -> tuple[Reach, Reach]:
    """Return the maps of one axis cut into `count` pieces of `size`: of the pieces, and inside."""
    inside = whole if size % whole.period == 0 else None
    if inside is not None:
        inside = tabulated([whole.at(position) for position in range(size)])
        return Reach(whole.advance * (size // whole.period), (_ORIGIN,)), inside
    starts = []
    for piece in range(count):
        start = whole.at(piece * size).low - whole.at(0).low
        if any(
            whole.at(piece * size + position) != whole.at(position).shifted(start)
            for position in range(size)
        ):
            raise Undetermined("an axis is cut across the pattern of its receptive field")
        starts.append(Taps(start, 1))
    return tabulated(starts), tabulated([whole.at(position) for position in range(size)])
