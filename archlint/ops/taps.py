"""A finite set of integer positions: which elements of an axis are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archlint.ops.undetermined import Undetermined

# A span is held as one bit a position. Real fields are far below this; a hostile dilation is not.
_WIDEST_SPAN = 1 << 24


@dataclass(frozen=True, slots=True)
class Taps:
    """A set of positions as a bit mask: bit i stands for position `low + i`.

    The set is never empty and bit 0 is always set, so that equal sets are equal objects.
    """

    low: int
    mask: int

    @classmethod
    def of(cls, positions: Iterable[int]) -> Taps:
        """Return the set of `positions`, of which there is at least one."""
        ordered = sorted(set(positions))
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
        """The last position."""
        return self.low + self.span - 1

    @property
    def count(self) -> int:
        """How many positions are in the set: fewer than `span` where there are holes."""
        return self.mask.bit_count()

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
        return Taps(self.low + offset, self.mask) if offset else self

    def union(self, other: Taps) -> Taps:
        """Return the positions in either set."""
        low = min(self.low, other.low)
        _check_span(max(self.high, other.high) - low + 1)
        return Taps(low, self.mask << (self.low - low) | other.mask << (other.low - low))

    def sum(self, other: Taps) -> Taps:
        """Return every sum of a position of one set and a position of the other."""
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
        distance = abs(step)
        _check_span(self.span + distance * (count - 1))
        mask, copies = self.mask, 1
        while copies < count:
            more = min(copies, count - copies)
            mask |= mask << (distance * more)
            copies += more
        return Taps(self.low + min(0, step * (count - 1)), mask)


def _check_span(span: int) -> None:
    if span > _WIDEST_SPAN:
        raise Undetermined(f"a receptive field of {span} elements is beyond what is tracked")
