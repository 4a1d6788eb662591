"""Amounts that are worked out from others, which have formulas where they have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archlint.analysis.amount import Amount
    from archlint.analysis.facts import Facts


class Composed(Struct, frozen=True):
    """An amount made of `parts`, such as a peak with reserves that are rounded shares of it.

    `whole` makes it of the parts; what else it needs is the same in the facts at any size.
    """

    parts: tuple[Callable[[Facts], Amount], ...]
    whole: Callable[[Facts, Sequence[Amount]], Amount]

    def __call__(self, facts: Facts) -> Amount:
        """Return the amount."""
        return self.whole(facts, [part(facts) for part in self.parts])
