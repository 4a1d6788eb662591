"""A limit, the amount that is compared with it, and the verdict."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from archlint.api import Target

if TYPE_CHECKING:
    from archlint.api import Amount, Facts


class Verdict(enum.Enum):
    """The result of comparing an amount with its limit."""

    FITS = "fits"
    MAY_EXCEED = "may exceed"  # the upper end of a bounded amount is over the limit
    EXCEEDS = "exceeds"
    UNDECIDED = "undecided"


class Missing(Struct, frozen=True):
    """Why an amount cannot be computed at all, and what to do about it."""

    reason: str
    help: str


class Budget(Struct, frozen=True):
    """One limit on one amount.

    `what` names the amount in a sentence, `limit` is in the unit of the amount, `setting` is the
    key of the setting with the limit, `source` describes it, and `write` formats an amount.
    `missing` is None where the amount can be computed. `has_formula` is false for amounts that are
    rounded, such as reserves, which are fractions of a peak in whole bytes.
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
        """The path of the limit in a document, if it is stated there."""
        return ("target", *self.setting.split("."))

    def verdict(self, facts: Facts) -> Verdict:
        """Compare the amount of `facts` with the limit.

        Unknown parts only add to an amount, so that the verdict is known if it is exceeded without.
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
