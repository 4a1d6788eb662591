"""MEM003: the weights do not fit where they are stored."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_bytes, format_count
from archlint_rules.budget.budget import Verdict
from archlint_rules.budget.budgets import weights


class WeightsExceedFlash(Rule):
    """The weights are larger than the flash of the device or the budget for them."""

    code = "MEM003"
    name = "weights-exceed-flash"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Hold the bytes of the weights, as stored, against each limit on them."""
        parameters = model.facts.parameters
        for budget in weights(model.target):
            if budget.verdict(model.facts) is Verdict.EXCEEDS:
                size = budget.measure(model.facts).low
                yield self.finding(
                    f"weights take {format_bytes(size)}, {budget.source} is "
                    f"{format_bytes(budget.limit)}",
                    path=("target",),
                    data={
                        "weight_bytes": size,
                        "limit_bytes": budget.limit,
                        "parameters": parameters.count,
                    },
                    help=f"{format_count(parameters.count)} parameters fit with "
                    f"{8 * budget.limit / max(parameters.count, 1):.1f} bits each",
                )
