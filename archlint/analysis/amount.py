"""A quantity and how certain it is: exact, an interval, or with unknown parts."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor

from msgspec import Struct


class Unknown(Struct, frozen=True):
    """A part of a total that could not be determined, and why."""

    node: str
    op: str
    reason: str


class Amount(Struct, frozen=True):
    """A total between `low` and `high`, without the parts listed in `unknown`.

    Unknown parts are never negative, so `low` is a lower bound in any case; `high` is an upper
    bound only where nothing is unknown.
    """

    low: int = 0
    high: int = 0
    unknown: tuple[Unknown, ...] = ()

    @classmethod
    def exact(cls, value: int) -> Amount:
        """Return an exact quantity."""
        return cls(value, value)

    @property
    def complete(self) -> bool:
        """Whether no part is unknown."""
        return not self.unknown

    @property
    def value(self) -> int | None:
        """The quantity where it is exact, else None."""
        return self.low if self.complete and self.low == self.high else None

    def __add__(self, other: Amount) -> Amount:
        """Return the total of both."""
        return Amount(
            self.low + other.low, self.high + other.high, merged(self.unknown, other.unknown)
        )

    def times(self, factor: int) -> Amount:
        """Return the quantity multiplied by `factor`."""
        return Amount(self.low * factor, self.high * factor, self.unknown)

    def plus(self, value: int) -> Amount:
        """Return the sum with an exact quantity."""
        return Amount(self.low + value, self.high + value, self.unknown)

    def reaching(self, other: Amount) -> Amount:
        """Return the quantity with an upper bound that is at least that of `other`."""
        return Amount(self.low, max(self.high, other.high), self.unknown)

    def down_to(self, other: Amount) -> Amount:
        """Return the quantity with a lower end that is at most that of `other`."""
        return Amount(min(self.low, other.low), self.high, self.unknown)

    def widened(self, part: float) -> Amount:
        """Return the quantity with both bounds widened by a fraction of themselves."""
        return Amount(floor(self.low * (1 - part)), ceil(self.high * (1 + part)), self.unknown)


def merged(*groups: Iterable[Unknown]) -> tuple[Unknown, ...]:
    """Return all unknown parts, each once, in order."""
    return tuple(dict.fromkeys(part for group in groups for part in group))


def total(amounts: Iterable[Amount]) -> Amount:
    """Return the sum of many amounts."""
    low = high = 0
    parts: list[Unknown] = []
    for amount in amounts:
        low += amount.low
        high += amount.high
        parts.extend(amount.unknown)
    return Amount(low, high, merged(parts))


def one_of(amounts: Iterable[Amount]) -> Amount:
    """Return the interval over alternatives: from the lowest low to the highest high bound."""
    choices = list(amounts)
    return Amount(
        min((choice.low for choice in choices), default=0),
        max((choice.high for choice in choices), default=0),
        merged(*(choice.unknown for choice in choices)),
    )


def largest(amounts: Iterable[Amount]) -> Amount:
    """Return the maximum over several moments, for both bounds separately."""
    moments = list(amounts)
    return Amount(
        max((moment.low for moment in moments), default=0),
        max((moment.high for moment in moments), default=0),
        merged(*(moment.unknown for moment in moments)),
    )
