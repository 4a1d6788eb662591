"""MEM003: the weights do not fit where they are stored."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_bytes, format_count
from archlint_rules.budget.budget import Budget
from archlint_rules.budget.budgets import weights
from archlint_rules.budget.exceeded import exceeded
from archlint_rules.budget.remedies import advice


class WeightsExceedFlash(Rule):
    """The weights are larger than the flash of the device or the budget for them."""

    code = "MEM003"
    name = "weights-exceed-flash"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Hold the bytes of the weights, as deployed, against each limit on them."""
        for budget, verb, severity in exceeded(model, weights, "take", "may take"):
            if budget.what != "cached weights":
                yield self._exceeded(model, budget, verb, severity)
            elif severity is Severity.ERROR:
                # What does not fit a cache is read from slower memory each time, and works.
                yield self._exceeded(model, budget, verb, Severity.WARNING)

    def _exceeded(self, model: Model, budget: Budget, verb: str, severity: Severity) -> Finding:
        amount, count = budget.measure(model.facts), model.facts.parameters.count
        return self.finding(
            f"weights {verb} {budget.written(model.facts)}, {budget.source} is "
            f"{format_bytes(budget.limit)}",
            path=budget.path,
            severity=severity,
            data={
                "weight_bytes": {"low": amount.low, "high": amount.high},
                "limit_bytes": budget.limit,
                "parameters": count,
            },
            help=advice(
                model,
                weights,
                budget,
                otherwise=f"{format_count(count)} parameters fit with "
                f"{8 * budget.limit / max(count, 1):.1f} bits each",
            ),
        )
