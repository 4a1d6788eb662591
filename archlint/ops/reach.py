"""Which input positions each output position reads: a quasi-affine map, or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

from msgspec import Struct

from archlint.ops.taps import NO_TAPS, ORIGIN, Taps, united
from archlint.ops.undetermined import Undetermined

# More phases than this result from merging large axes, without a useful period.
_MOST_PHASES = 1 << 17
# Longer than the longest axes that models have, half a minute of sound.
_MOST_ENTRIES = 1 << 19
# Positions in the sets of all phases together, which are bits in memory.
_MOST_POSITIONS = 1 << 30


class Reach(Struct, frozen=True):
    """Position j reads `offsets[j mod period] + advance * (j div period)`.

    A convolution has period 1 and advances by its stride; a transposed convolution, a resize or a
    pixel shuffle has one phase for each of its interleaved outputs. Sizes, strides and paddings of
    receptive fields (Araujo et al. 2019) are the special case of period 1.

    A `finite` map is a table: it has one entry for each position of its axis, and positions outside
    of them read nothing. It is used where no pattern repeats, as after concatenating parts of
    different origin along the axis.
    """

    advance: int
    offsets: tuple[Taps, ...]
    finite: bool = False

    @property
    def period(self) -> int:
        """The number of phases, or of entries."""
        return len(self.offsets)

    @property
    def stride(self) -> Fraction:
        """How far the field moves for one position, on average."""
        return Fraction(self.advance, self.period)

    def keeps_pace(self, other: Reach) -> bool:
        """Whether another map has the same stride."""
        return self.advance * other.period == other.advance * self.period

    @property
    def is_identity(self) -> bool:
        """Whether position j reads just position j."""
        if self.advance != 1 or not self.is_affine:
            return False
        only = self.offsets[0]
        return only.low == 0 and only.mask == 1

    @property
    def is_affine(self) -> bool:
        """Whether all positions read the same taps, shifted by a constant stride."""
        return len(self.offsets) == 1 and not self.finite

    @property
    def is_constant(self) -> bool:
        """Whether every position reads the same."""
        return self.advance == 0 and self.is_affine

    @property
    def end(self) -> int:
        """The last element that the first position of any phase reads."""
        return max([taps.high for taps in self.offsets])

    @property
    def is_empty(self) -> bool:
        """Whether no position reads anything."""
        return not any(self.offsets)

    @property
    def padding(self) -> Fraction:
        """The padding in `lo(j) = stride * j - padding`, averaged over the phases that read."""
        return -self._average(lambda taps: Fraction(taps.low))

    @property
    def centre(self) -> Fraction:
        """The middle of the field of position 0, averaged over the phases that read."""
        return self._average(lambda taps: Fraction(taps.low + taps.high, 2))

    def is_concentric(self, other: Reach) -> bool:
        """Whether the centre of another map is the same."""
        if self.period == other.period == 1 and self.offsets[0] and other.offsets[0]:
            own, its = self.offsets[0], other.offsets[0]
            return own.low + own.high == its.low + its.high
        return self.centre == other.centre

    def _average(self, place: Callable[[Taps], Fraction]) -> Fraction:
        if self.period == 1 and self.offsets[0]:
            return place(self.offsets[0])
        places = [
            place(taps) - self.stride * phase for phase, taps in enumerate(self.offsets) if taps
        ]
        return sum(places, Fraction(0)) / len(places) if places else Fraction(0)

    def at(self, position: int) -> Taps:
        """Return what `position` reads."""
        if self.finite:
            return self.offsets[position] if 0 <= position < len(self.offsets) else NO_TAPS
        turn, phase = divmod(position, len(self.offsets))
        return self.offsets[phase].shifted(self.advance * turn)

    def entries(self, length: int | None) -> Iterator[Taps]:
        """Yield what each position of an axis of `length` reads.

        Raises `Undetermined` where the length is needed and not known, or too large for a table.
        """
        if length is None and not self.finite:
            raise Undetermined("an axis of unknown length is rearranged")
        return map(self.at, positions(length or len(self.offsets)))

    def through(self, inner: Reach, length: int | None) -> Reach:
        """Return the composition: what a position reads through `inner`.

        `length` is the length of the axis of this map, which only a table needs.
        """
        if inner.is_identity:
            return self
        if self.is_identity and not inner.finite:
            return inner
        if self.is_affine and inner.is_affine:
            return Reach(self.advance * inner.advance, (inner.of_set(self.offsets[0]),))
        if self.finite or inner.finite:
            return tabulated([inner.of_set(taps) for taps in self.entries(length)])
        turns = inner.period // gcd(inner.period, self.advance) if self.advance else 1
        advance = inner.advance * (self.advance * turns // inner.period)
        return periodic(advance, self.period * turns, lambda at: inner.of_set(self.at(at)))

    def of_set(self, taps: Taps) -> Taps:
        """Return what the positions in `taps` read together."""
        if self.is_affine:
            only = self.offsets[0]
            if taps.count == taps.span:
                return only.repeated(taps.count, self.advance).shifted(self.advance * taps.low)
            return united(only.shifted(self.advance * position) for position in taps)
        if not self.finite and taps.count == taps.span > self.period:
            return united(self._of_phase(phase, taps) for phase in range(self.period))
        return united(self.at(position) for position in taps)

    def _of_phase(self, phase: int, taps: Taps) -> Taps:
        """Return the union over the positions of a run that are in one phase."""
        first = taps.low + (phase - taps.low) % self.period
        count = len(range(first, taps.high + 1, self.period))
        return self.at(first).repeated(count, self.advance)

    def union(self, other: Reach, length: int | None) -> Reach | None:
        """Return the union of both maps; None where it is not known.

        Where one map contains the other, it is returned itself. The union of maps with different
        strides is a table, for which the axis must have a known `length`.
        """
        if self == other:
            return self
        if self.is_affine and other.is_affine and self.advance == other.advance:
            (own,), (its,) = self.offsets, other.offsets
            taps = own.union(its)
            return self if taps is own else other if taps is its else Reach(self.advance, (taps,))
        if self.finite or other.finite or not self.keeps_pace(other):
            return self._union_as_table(other, length)
        period = lcm(self.period, other.period)
        if self._is_large(other, period):
            return None
        advance = self.advance * (period // self.period)
        joined = periodic(advance, period, lambda phase: self.at(phase).union(other.at(phase)))
        return next((one for one in (self, other) if one == joined), joined)

    def _union_as_table(self, other: Reach, length: int | None) -> Reach | None:
        """Return the union of each position of an axis; None where it is not known."""
        if length is None and not (self.finite or other.finite):
            return None
        count = length or max((one.period for one in (self, other) if one.finite), default=1)
        if count > _MOST_PHASES or self._is_large(other, count):
            return None
        return tabulated([self.at(j).union(other.at(j)) for j in range(count)])

    def _is_large(self, other: Reach, count: int) -> bool:
        """Whether the unions of two maps in `count` phases may take too much memory."""
        sets = [taps for one in (self, other) for taps in one.offsets if taps]
        if not sets:
            return False
        span = max(taps.high for taps in sets) - min(taps.low for taps in sets) + 1
        return span * count > _MOST_POSITIONS

    def sum(self, taps: Taps) -> Reach:
        """Return the map with every position's set widened by `taps`."""
        if taps == ORIGIN:
            return self
        return Reach(self.advance, tuple(offset.sum(taps) for offset in self.offsets), self.finite)


def positions(count: int) -> range:
    """Return the positions of an axis, to make a table of; raises `Undetermined` for too many."""
    if count > _MOST_ENTRIES:
        raise Undetermined(f"an axis of {count:,} elements is rearranged")
    return range(count)


def periodic(advance: int, period: int, offset: Callable[[int], Taps]) -> Reach:
    """Return the map whose phases read `offset(0)` to `offset(period - 1)`.

    Raises `Undetermined` for more phases than can be tracked.
    """
    if period > _MOST_PHASES:
        raise Undetermined("the field has too many phases to track")
    return reach(advance, tuple(map(offset, range(period))))


def reach(advance: int, offsets: Sequence[Taps]) -> Reach:
    """Return the map in lowest terms: with the shortest period that says the same."""
    period = len(offsets)
    for shorter in range(1, period):
        if period % shorter or advance * shorter % period:
            continue
        step = advance * shorter // period
        if all(
            offsets[phase + shorter] == offsets[phase].shifted(step)
            for phase in range(period - shorter)
        ):
            return Reach(step, tuple(offsets[:shorter]))
    return Reach(advance, tuple(offsets))


def window(kernel: int, stride: int = 1, dilation: int = 1, padding: int = 0) -> Reach:
    """Return the map of a convolution or pooling: j reads S j - P + D t for t < K."""
    return Reach(stride, (Taps.progression(-padding, kernel, dilation),))


def tabulated(taps: Sequence[Taps]) -> Reach:
    """Return the simplest map for positions 0, 1, ... that read `taps`: affine, or a table."""
    if len(taps) == 1:
        return Reach(0, (taps[0],))
    step = taps[1].low - taps[0].low
    if all(later == earlier.shifted(step) for earlier, later in pairwise(taps)):
        return Reach(step, (taps[0],))
    return Reach(0, tuple(taps), finite=True)


IDENTITY = Reach(1, (ORIGIN,))
