"""The receptive field of a tensor along one axis of one input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from archlint.analysis.branch import Branch, Everything, Mark, Marks, length, passed, source_branch
from archlint.analysis.branches import joined_pieces, merged
from archlint.analysis.interior import interior
from archlint.graph.value import Shape
from archlint.ops.links import Links, Piece, Stage, same_axes
from archlint.ops.reach import Reach
from archlint.ops.undetermined import Undetermined
from archlint.record import record


@record(slots=False)
class Field:
    """What the elements of a tensor of `shape` read of an input axis of length `extent`.

    `whole` names the node through which everything is read: the field is global. Its `branches`
    then are the paths past that node, the content that a gate or an attention is applied to.
    `bounded` means that the field is an upper bound of the truth; `lost` gives the reason where
    it could not be followed.
    """

    shape: Shape = ()
    extent: int | None = None
    branches: tuple[Branch, ...] = ()
    whole: str | None = None
    bounded: bool = False
    lost: str | None = None

    @cached_property
    def unknown(self) -> str | None:
        """Why nothing can be said, None where something can."""
        if self.lost is not None or self.whole is not None:
            return self.lost
        return self.map if isinstance(self.map, str) else None

    @cached_property
    def kind(self) -> str:
        """The kind of answer: unknown, independent, global, prefix, suffix or local."""
        if self.unknown is not None:
            return "unknown"
        if self.whole is not None:
            return "global"
        if not self.branches:
            return "independent"
        marks = self.marks
        if {Mark.BELOW, Mark.ABOVE} <= marks or self._covers:
            return "global"
        return "prefix" if Mark.BELOW in marks else "suffix" if Mark.ABOVE in marks else "local"

    @property
    def marks(self) -> Marks:
        """What there is to any of the branches besides their terms."""
        return frozenset(mark for branch in self.branches for mark in branch.marks)

    @property
    def _covers(self) -> bool:
        """Whether every position reads everything, as scores of all positions by all others do."""
        if self.map is None or isinstance(self.map, str) or self.extent is None:
            return False
        along = self.map[1]
        (taps, *others) = along.offsets
        return along.advance == 0 and not others and taps.low <= 0 and taps.high >= self.extent - 1

    @property
    def status(self) -> str:
        """How sure the field is: exact, upper-bound or unknown."""
        if self.unknown is not None:
            return "unknown"
        loose = self.bounded or (self.whole is None and Mark.LOOSE in self.marks)
        return "upper-bound" if loose else "exact"

    @property
    def is_local(self) -> bool:
        """Whether the field is a known number of input elements."""
        return self.kind in {"local", "independent"}

    @property
    def is_placed(self) -> bool:
        """Whether it is known where the field lies, and not only how large it is."""
        return Mark.ADRIFT not in self.marks

    @property
    def is_independent(self) -> bool:
        """Whether nothing of the input is read."""
        return self.kind == "independent"

    @cached_property
    def moves(self) -> bool:
        """Whether what is read depends on the position: the tensor is a feature map."""
        return any(branch.terms for branch in self.branches)

    @property
    def axis(self) -> int | None:
        """The axis of the tensor that carries the input's axis; of several the one that moves most.

        None where the field is the same at all positions.
        """
        return None if self._view is None else self._view[0]

    @property
    def reach(self) -> Reach | None:
        """The map along that axis, for positions that no border touches."""
        return None if self._view is None else self._view[1]

    @property
    def content(self) -> Field | None:
        """The field past what made it global: of the map that a gate is applied to, for example."""
        return replace(self, whole=None) if self.whole and self.branches else None

    @cached_property
    def size(self) -> tuple[int, int]:
        """The smallest and the largest size over the phases, in input elements.

        (0, 0) for a tensor that does not depend on the input.
        """
        if not self.branches:
            return 0, 0
        entries = self._resting.offsets if self._view is None else self._view[1].offsets
        spans = [taps.span for taps in entries]
        return min(spans), max(spans)

    @property
    def taps(self) -> tuple[int, int] | None:
        """How many of the elements inside are read, over the phases."""
        if self._view is None:
            return None
        counts = [taps.count for taps in self._view[1].offsets]
        return min(counts), max(counts)

    @cached_property
    def map(self) -> tuple[int, Reach] | str | None:
        """The axis that moves most, and the map along it with its borders; or why it is not known.

        None where nothing moves.
        """
        axes = sorted({axis for branch in self.branches for axis, _ in branch.terms})
        if not axes:
            return None
        try:
            maps = [(axis, self.along(axis)) for axis in axes]
        except Undetermined as reason:
            return str(reason)
        return maps[0] if len(maps) == 1 else max(maps, key=lambda pair: self._movement(*pair))

    @cached_property
    def _view(self) -> tuple[int, Reach] | None:
        if self.map is None or isinstance(self.map, str):
            return None
        axis, along = self.map
        if not along.finite:
            return axis, along
        inside = interior(along, self.extent)
        return axis, inside or Reach(0, tuple(taps for taps in along.offsets if taps), finite=True)

    @cached_property
    def _resting(self) -> Reach:
        """What is read where nothing moves."""
        return self.along(0)

    def along(self, axis: int) -> Reach:
        """Return the map along one axis, over all branches and all positions of other axes."""
        maps = [branch.along(axis, self.shape) for branch in self.branches]
        result = maps[0]
        for other in maps[1:]:
            joined = result.union(other, length(self.shape, axis))
            if joined is None:
                raise Undetermined("paths with different strides meet on an axis of unknown length")
            result = joined
        return result

    def _movement(self, axis: int, along: Reach) -> float:
        """Return how far the field moves from one end of an axis to the other."""
        count = along.period if along.finite else length(self.shape, axis)
        if count is None:
            return float("inf") if along.advance else 0
        first, last = along.at(0), along.at(count - 1)
        if self.extent is not None:
            first, last = (taps.within(0, self.extent - 1) for taps in (first, last))
        return max(abs(last.low - first.low), abs(last.high - first.high)) if first and last else 0


def source_field(shape: Shape, axis: int) -> Field:
    """Return the field of the input itself along `axis`."""
    return Field(shape, length(shape, axis), (source_branch(axis),))


def unknown_field(reason: str) -> Field:
    """Return the field of a tensor about which nothing can be said."""
    return Field(lost=reason)


def union(fields: Sequence[Field], pieces: Sequence[Piece] = ()) -> Field:
    """Return what is read along any of several paths to the same tensor.

    Where the paths are `pieces` that fill an axis one after the other, each position reads only
    what its own piece reads.
    """
    if len(fields) == 1:
        return fields[0]
    first = fields[0]
    if not pieces and all(field is first for field in fields):
        return first
    for field in fields:
        if field.lost is not None:
            return field
    whole = next((field.whole for field in fields if field.whole), None)
    bounded = any(field.bounded for field in fields)
    if whole is not None:
        everywhere = [field for field in fields if field.whole and not field.bounded]
        bounded = not everywhere or (bool(pieces) and not all(field.whole for field in fields))
    try:
        branches, exact = _together(fields, pieces)
    except Undetermined as reason:
        lost = unknown_field(str(reason))
        return lost if whole is None else replace(first, branches=(), whole=whole)
    return replace(first, branches=branches, whole=whole, bounded=bounded or not exact)


def _together(fields: Sequence[Field], pieces: Sequence[Piece]) -> tuple[tuple[Branch, ...], bool]:
    """Return the branches of all fields, and whether they are exact."""
    shape, extent = fields[0].shape, fields[0].extent
    if not pieces:
        return merged([each for field in fields for each in field.branches], shape), True
    parts = [
        (piece, branch)
        for piece, field in zip(pieces, fields, strict=True)
        for branch in field.branches
    ]
    return joined_pieces(parts, shape, extent) if parts else ((), True)


def through(field: Field, links: Links, after: Shape, node: str) -> Field:
    """Return the field of the output of `node`, of shape `after`, that looks through `links`.

    An operator that works element by element returns the very field that it gets, so that what is
    worked out about it is worked out once for the whole chain.
    """
    if field.shape == after and links == same_axes(len(after)):
        return field
    for stage in _stages(links, after):
        if field.lost is not None:
            break
        field = _through(field, stage, node)
    return field


def _stages(links: Links, after: Shape) -> Iterable[Stage]:
    plain = tuple(link for link in links if not isinstance(link, Stage))
    if len(plain) == len(links):
        return (Stage(plain, after),)
    return tuple(link for link in links if isinstance(link, Stage))


def _through(field: Field, stage: Stage, node: str) -> Field:
    whole, branches = field.whole, []
    for branch in field.branches:
        try:
            new = passed(branch, stage.links, field.shape, stage.shape, field.extent)
        except Everything:
            whole = whole or node
        except Undetermined as reason:
            if field.whole is None:
                return unknown_field(str(reason))
        else:
            if new is not None:
                branches.append(new)
    return Field(stage.shape, field.extent, tuple(branches), whole, field.bounded)
