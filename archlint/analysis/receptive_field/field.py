"""The receptive field of a tensor along one axis of one input."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.receptive_field.branch import Branch, Mark, Marks, length, source_branch
from archlint.analysis.receptive_field.interior import interior
from archlint.graph.value import Shape
from archlint.ops.reach import Reach
from archlint.ops.taps import ORIGIN
from archlint.ops.undetermined import Undetermined

_SHORT = 8


class Field(Struct, frozen=True, dict=True):
    """Which elements of an input axis of length `extent` a tensor of `shape` reads.

    `whole` names the node through which everything is read: the field is global. Its `branches` are
    then the paths around that node, to the content that a gate or an attention is applied to. Where
    `bounded`, the field is an upper bound; `lost` is the reason where it could not be determined.
    The axes in `blended` contain parts with different fields, which are represented by their union:
    an operator that slices such an axis gets an upper bound.
    """

    shape: Shape = ()
    extent: int | None = None
    branches: tuple[Branch, ...] = ()
    whole: str | None = None
    bounded: bool = False
    lost: str | None = None
    blended: frozenset[int] = frozenset()

    @cached_property
    def _window(self) -> tuple[int, Reach] | None:
        """The axis and the map of a single window that moves, as of most fields; else None."""
        if self.whole is not None or self.lost is not None or len(self.branches) != 1:
            return None
        terms, rest, marks = self.branches[0].terms, self.branches[0].rest, self.branches[0].marks
        if marks or rest is not ORIGIN or len(terms) != 1:
            return None
        axis, along = terms[0]
        return (axis, along) if along.advance and along.period == 1 else None

    @cached_property
    def unknown(self) -> str | None:
        """Why the field is unknown, None where it is known."""
        if self._window is not None:
            return None
        if self.lost is not None or self.whole is not None:
            return self.lost
        return self.map if isinstance(self.map, str) else None

    @cached_property
    def kind(self) -> str:
        """The kind of answer: unknown, independent, global, past, future or local."""
        if self._window is not None:
            return "local"
        if self.unknown is not None:
            return "unknown"
        if self.whole is not None:
            return "global"
        return self._extent_of_branches if self.branches else "independent"

    @property
    def _extent_of_branches(self) -> str:
        """How far the branches reach: a known number of elements, to an end, or to both."""
        marks = self.marks
        if (marks and {Mark.BELOW, Mark.ABOVE} <= marks) or self._covers:
            return "global"
        if not marks:
            return "local"
        return "past" if Mark.BELOW in marks else "future" if Mark.ABOVE in marks else "local"

    @property
    def marks(self) -> Marks:
        """The properties of the branches besides their positions, such as being causal."""
        if len(self.branches) == 1:
            return self.branches[0].marks
        return frozenset(mark for branch in self.branches for mark in branch.marks)

    @property
    def _covers(self) -> bool:
        """Whether every position reads everything, as scores of all positions by all others do."""
        if self.map is None or isinstance(self.map, str) or self.extent is None:
            return False
        along = self.map[1]
        if along.advance or len(along.offsets) > 1:
            return False
        taps = along.offsets[0]
        return taps.low <= 0 and taps.high >= self.extent - 1

    @property
    def status(self) -> str:
        """How certain the field is: exact, upper-bound or unknown."""
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
        """Whether the position of the field is known, and not only its size."""
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
        """The field without the global path: that of the map that a gate is applied to, say."""
        return replace(self, whole=None) if self.whole and self.branches else None

    @cached_property
    def size(self) -> tuple[int, int]:
        """The smallest and the largest size over the phases, in input elements.

        (0, 0) for a tensor that does not depend on the input.
        """
        if self._window is not None:
            span = self._window[1].offsets[0].span
            return span, span
        if not self.branches:
            return 0, 0
        entries = self._resting.offsets if self._view is None else self._view[1].offsets
        if len(entries) == 1:
            span = entries[0].span
            return span, span
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
        """The axis that moves most, with its map including borders; or why it is not known.

        None where no axis moves.
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
        if self._window is not None:
            return self._window
        if self.map is None or isinstance(self.map, str):
            return None
        axis, along = self.map
        count = length(self.shape, axis)
        # A pattern with a long period, as of a resize with aligned corners, has phases that occur
        # only at the borders.
        if not along.finite and along.period > _SHORT and count and 2 * along.period > count:
            along = Reach(0, tuple(along.entries(count)), finite=True)
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
    """Return an unknown field with its reason."""
    return Field(lost=reason)
