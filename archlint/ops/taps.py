"""A finite set of integer positions: the elements of an axis that are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from archlint.ops.undetermined import Undetermined

# A span takes one bit per position. Real fields are far below this; a hostile dilation is not.
_WIDEST_SPAN = 1 << 24


class Taps(Struct, frozen=True):
    """A set of positions as a bit mask: bit i stands for position `low + i`.

    Bit 0 is always set, and the empty set has `low` 0, so that equal sets are equal objects.
    """

    low: int
    mask: int

    @classmethod
    def of(cls, positions: Iterable[int]) -> Taps:
        """Return the set of `positions`."""
        ordered = sorted(set(positions))
        if not ordered:
            return NO_TAPS
        low = ordered[0]
        _check_span(ordered[-1] - low + 1)
        return cls(low, sum(1 << (position - low) for position in ordered))

    @classmethod
    def progression(cls, start: int, count: int, step: int) -> Taps:
        """Return `count` positions from `start`, `step` apart: a kernel with its dilation."""
        return cls(0, 1).repeated(count, step).shifted(start)

    @property
    def span(self) -> int:
        """The length from the first to the last position: a receptive field's size."""
        return self.mask.bit_length()

    @property
    def high(self) -> int:
        """The last position; meaningless for the empty set, as `low` is."""
        return self.low + self.span - 1

    @property
    def count(self) -> int:
        """How many positions are in the set: fewer than `span` where there are holes."""
        return self.mask.bit_count()

    def __bool__(self) -> bool:
        """Whether there is any position in the set."""
        return self.mask != 0

    def __iter__(self) -> Iterator[int]:
        """The positions in ascending order."""
        mask, position = self.mask, self.low
        while mask:
            skip = (mask & -mask).bit_length() - 1
            position += skip
            yield position
            mask >>= skip + 1
            position += 1

    def shifted(self, offset: int) -> Taps:
        """Return the set moved by `offset`."""
        return Taps(self.low + offset, self.mask) if offset and self.mask else self

    def union(self, other: Taps) -> Taps:
        """Return the positions in either set: one of the two sets, where it contains the other."""
        if not (self.mask and other.mask):
            return self if self.mask else other
        low = min(self.low, other.low)
        _check_span(max(self.high, other.high) - low + 1)
        mask = self.mask << (self.low - low) | other.mask << (other.low - low)
        for taps in (self, other):
            if taps.low == low and taps.mask == mask:
                return taps
        return Taps(low, mask)

    def sum(self, other: Taps) -> Taps:
        """Return every sum of a position of one set and a position of the other."""
        if not (self.mask and other.mask):
            return NO_TAPS
        few, many = sorted((self, other), key=lambda taps: taps.count)
        _check_span(few.span + many.span)
        if few.mask & (few.mask + 1) == 0:  # a run without holes
            return many.repeated(few.count, 1).shifted(few.low)
        mask = 0
        for position in few:
            mask |= many.mask << (position - few.low)
        return Taps(few.low + many.low, mask)

    def repeated(self, count: int, step: int) -> Taps:
        """Return the union of `count` copies, each `step` after the last, by doubling."""
        if not self.mask:
            return self
        distance = abs(step)
        _check_span(self.span + distance * (count - 1))
        mask, copies = self.mask, 1
        while copies < count:
            more = min(copies, count - copies)
            mask |= mask << (distance * more)
            copies += more
        return Taps(self.low + min(0, step * (count - 1)), mask)

    def within(self, low: int, high: int) -> Taps:
        """Return the positions from `low` to `high`, both included."""
        if not self.mask or (self.low >= low and self.high <= high):
            return self
        mask = self.mask >> max(low - self.low, 0)
        first = max(self.low, low)
        mask &= (1 << max(min(high, self.high) - first + 1, 0)) - 1
        if not mask:
            return NO_TAPS
        skip = (mask & -mask).bit_length() - 1
        return Taps(first + skip, mask >> skip)


def united(sets: Iterable[Taps]) -> Taps:
    """Return the positions in any of `sets`."""
    filled = [taps for taps in sets if taps.mask]
    if not filled:
        return NO_TAPS
    low = min(taps.low for taps in filled)
    _check_span(max(taps.high for taps in filled) - low + 1)
    mask = 0
    for taps in filled:
        mask |= taps.mask << (taps.low - low)
    return Taps(low, mask)


def _check_span(span: int) -> None:
    if span > _WIDEST_SPAN:
        raise Undetermined(f"a receptive field of {span} elements is beyond what is tracked")


NO_TAPS = Taps(0, 0)
ORIGIN = Taps(0, 1)
