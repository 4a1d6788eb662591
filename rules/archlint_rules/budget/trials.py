"""Other targets, tried by computing the facts again."""

from __future__ import annotations

from msgspec import Struct

from archlint.api import Amount, Model, Target
from archlint_rules.budget.budget import Budget, Family, Verdict

# An analysis takes time proportional to the nodes: all trials together take about a second.
_NODES = 4000
_FEWEST, _MOST = 4, 24


class Trials(Struct):
    """The amounts of a budget for other targets, as long as there are trials left.

    `family` yields the budgets of a target, and `budget` is the one of them that is exceeded.
    """

    model: Model
    family: Family
    budget: Budget
    left: int = 0
    _place: int = 0

    def __post_init__(self) -> None:
        """Count the trials that the size of the model allows."""
        nodes = max(len(self.model.graph.nodes), 1)
        self.left = min(max(_NODES // nodes, _FEWEST), _MOST)
        own = [each.source for each in self.family(self.model.target)]
        self._place = own.index(self.budget.source)

    def amount(self, target: Target) -> tuple[Amount, bool] | None:
        """Return the amount of `target` and whether it fits; None where no trial is left."""
        if not self.left:
            return None
        self.left -= 1
        facts = self.model.retarget(target)
        budget = list(self.family(target))[self._place]
        return budget.measure(facts), budget.verdict(facts) is Verdict.FITS

    def limit(self, target: Target) -> float:
        """Return the limit of the budget that `target` sets."""
        return list(self.family(target))[self._place].limit

    def fitting(self, target: Target) -> Amount | None:
        """Return the amount of `target` where it was tried and fits, else None."""
        tried = self.amount(target)
        return tried[0] if tried is not None and tried[1] else None
