"""MEM003: the weights do not fit into the memory for weights."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_bytes, format_count
from archlint_rules.budget.budget import Budget
from archlint_rules.budget.budgets import weights
from archlint_rules.budget.exceeded import exceeded
from archlint_rules.budget.remedies import advice

_NARROWEST = 4
"""Bits of the narrowest format in which weights are commonly stored, int4."""


class WeightsExceedFlash(Rule):
    """The weights are larger than the flash of the device or the budget for them."""

    code = "MEM003"
    name = "weights-exceed-flash"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the bytes of the weights, as deployed, with each limit."""
        for budget, verb, severity in exceeded(model, weights, "take", "may take"):
            if budget.what != "cached weights":
                yield self._exceeded(model, budget, verb, severity)
            elif severity is Severity.ERROR:
                # Weights that exceed a cache still work, read from slower memory each time.
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
                otherwise=_room(budget.limit, count),
            ),
        )


def _room(limit: float, count: int) -> str:
    """Return what would fit: the same parameters in fewer bits, or fewer parameters."""
    bits = 8 * limit / max(count, 1)
    if bits >= _NARROWEST:
        return f"{format_count(count)} parameters fit with {bits:.1f} bits each"
    room = format_count(int(8 * limit // _NARROWEST))
    return f"at {_NARROWEST} bits each, {room} of the {format_count(count)} parameters fit"
