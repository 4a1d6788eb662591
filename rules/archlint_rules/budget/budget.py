"""A limit, the amount that is held against it, and whether it fits."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TypeAlias

from archlint.api import Amount, Facts, Target, record


class Verdict(enum.Enum):
    """What can be said about a budget."""

    FITS = "fits"
    MAY_EXCEED = "may exceed"  # the upper end of a bounded amount is over the limit
    EXCEEDS = "exceeds"
    UNDECIDED = "undecided"


@record
class Missing:
    """Why an amount cannot be worked out at all, and what to do about that."""

    reason: str
    help: str


@record
class Budget:
    """One limit on one amount.

    `what` names the amount in a sentence, `limit` is in its unit, `setting` is the key of what
    states the limit, `source` says so in words, `write` writes an amount for people. `missing` is
    None where the amount can be worked out. One that is rounded on the way `has_formula` in no
    size: reserves are parts of a peak, in whole bytes.
    """

    what: str
    measure: Callable[[Facts], Amount]
    limit: float
    setting: str
    source: str
    write: Callable[[float], str]
    missing: Missing | None = None
    has_formula: bool = True

    @property
    def path(self) -> tuple[str, ...]:
        """Where a document states the limit, if it does."""
        return ("target", *self.setting.split("."))

    def verdict(self, facts: Facts) -> Verdict:
        """Hold the amount of `facts` against the limit.

        Unknown parts only add to an amount, so that one that is too large without them is decided.
        """
        if self.missing is not None:
            return Verdict.UNDECIDED
        amount = self.measure(facts)
        if amount.low > self.limit:
            return Verdict.EXCEEDS
        if not amount.complete:
            return Verdict.UNDECIDED
        return Verdict.MAY_EXCEED if amount.high > self.limit else Verdict.FITS

    def written(self, facts: Facts) -> str:
        """Write the amount: one number, or both ends where it is bounded."""
        amount = self.measure(facts)
        if not amount.complete:
            return f"at least {self.write(amount.low)}"
        return between(amount, self.write)


Family: TypeAlias = Callable[[Target], Iterator[Budget]]
"""The budgets of one amount that a target sets."""


def between(amount: Amount, write: Callable[[float], str]) -> str:
    """Write an amount: one number, or both ends where they differ for a reader."""
    low, high = write(amount.low), write(amount.high)
    return low if low == high else f"{low} to {high}"
