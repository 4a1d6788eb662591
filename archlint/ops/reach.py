"""Which positions of one axis each position of another reads: a quasi-affine map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined

# More phases than this come from merging large axes, where nothing periodic is left to track.
_MOST_PHASES = 1 << 17


@dataclass(frozen=True, slots=True)
class Reach:
    """Position j reads `offsets[j mod period] + advance * (j div period)`.

    A convolution has period 1 and advances by its stride; a transposed convolution, a resize or a
    pixel shuffle has one phase for each of its interleaved outputs. Sizes, strides and paddings of
    receptive fields (Araujo et al. 2019, section 2) are the special case of period 1.
    """

    advance: int
    offsets: tuple[Taps, ...]

    @property
    def period(self) -> int:
        """The number of phases."""
        return len(self.offsets)

    @property
    def stride(self) -> Fraction:
        """How far the field moves for one position, on average."""
        return Fraction(self.advance, self.period)

    @property
    def is_identity(self) -> bool:
        """Whether position j reads just position j."""
        return self == IDENTITY

    @property
    def is_constant(self) -> bool:
        """Whether every position reads the same."""
        return self.advance == 0 and self.period == 1

    @property
    def padding(self) -> Fraction:
        """The padding in `lo(j) = stride * j - padding`, averaged over the phases."""
        total = sum(
            Fraction(taps.low) - self.stride * phase for phase, taps in enumerate(self.offsets)
        )
        return -Fraction(total) / self.period

    @property
    def centre(self) -> Fraction:
        """The middle of the field of position 0, averaged over the phases."""
        total = sum(
            Fraction(taps.low + taps.high, 2) - self.stride * phase
            for phase, taps in enumerate(self.offsets)
        )
        return Fraction(total) / self.period

    def at(self, position: int) -> Taps:
        """Return what `position` reads."""
        turn, phase = divmod(position, self.period)
        return self.offsets[phase].shifted(self.advance * turn)

    def through(self, inner: Reach) -> Reach:
        """Return what a position reads when what it reads reads through `inner`."""
        if inner.is_identity:
            return self
        turns = inner.period // gcd(inner.period, self.advance) if self.advance else 1
        if self.period * turns > _MOST_PHASES:
            raise Undetermined("the field has too many phases to track")
        offsets = tuple(
            inner.of_set(self.offsets[phase].shifted(self.advance * turn))
            for turn in range(turns)
            for phase in range(self.period)
        )
        return reach(inner.advance * (self.advance * turns // inner.period), offsets)

    def of_set(self, taps: Taps) -> Taps:
        """Return what the positions in `taps` read together."""
        if self.period == 1:
            only = self.offsets[0]
            if taps.count == taps.span:
                united = only.repeated(taps.count, self.advance)
                return united.shifted(self.advance * taps.low)
            return _union([only.shifted(self.advance * position) for position in taps])
        return _union([self.at(position) for position in taps])

    def union(self, other: Reach) -> Reach | None:
        """Return what is read through either map; None where their strides differ."""
        if self.stride != other.stride:
            return None
        period = lcm(self.period, other.period)
        if period > _MOST_PHASES:
            raise Undetermined("the field has too many phases to track")
        offsets = tuple(self.at(phase).union(other.at(phase)) for phase in range(period))
        return reach(self.advance * (period // self.period), offsets)

    def sum(self, taps: Taps) -> Reach:
        """Return the map with every position's set widened by `taps`."""
        return Reach(self.advance, tuple(offset.sum(taps) for offset in self.offsets))


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
    """Return the shortest map for positions 0, 1, ... that read `taps`, as a gather does."""
    if len(taps) == 1:
        return Reach(0, (taps[0],))
    step = taps[1].low - taps[0].low
    if all(later == earlier.shifted(step) for earlier, later in pairwise(taps)):
        return Reach(step, (taps[0],))
    return Reach(0, tuple(taps))


def _union(sets: Sequence[Taps]) -> Taps:
    low = min(taps.low for taps in sets)
    Taps(low, 1).union(Taps(max(taps.high for taps in sets), 1))  # refuses too wide a span
    mask = 0
    for taps in sets:
        mask |= taps.mask << (taps.low - low)
    return Taps(low, mask)


IDENTITY = Reach(1, (Taps(0, 1),))
