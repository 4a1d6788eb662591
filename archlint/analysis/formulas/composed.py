"""Amounts that are computed from other amounts.

Such an amount may have no formula, because it is rounded for instance, where its parts have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archlint.analysis.amount import Amount
    from archlint.analysis.facts import Facts


class Composed(Struct, frozen=True):
    """An amount that `whole` computes from its `parts`, such as a peak with rounded reserves.

    Whatever else `whole` reads of the facts must be the same at all sizes of the open dimensions.
    """

    parts: tuple[Callable[[Facts], Amount], ...]
    whole: Callable[[Facts, Sequence[Amount]], Amount]

    def __call__(self, facts: Facts) -> Amount:
        """Return the amount."""
        return self.whole(facts, [part(facts) for part in self.parts])
