"""MEM002: a forward pass needs more memory than available."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Amount, Finding, Model, Rule, Severity, format_bytes
from archlint_rules.budget.budget import Budget
from archlint_rules.budget.budgets import inference_memory
from archlint_rules.budget.exceeded import exceeded
from archlint_rules.budget.remedies import advice


class InferenceMemoryExceeded(Rule):
    """A forward pass needs more memory than the device or the budget has."""

    code = "MEM002"
    name = "inference-memory-exceeded"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the weights plus the peak of the activations with each limit."""
        for budget, verb, severity in exceeded(model, inference_memory):
            yield self._exceeded(model, budget, verb, severity)

    def _exceeded(self, model: Model, budget: Budget, verb: str, severity: Severity) -> Finding:
        deployment = model.facts.deployment
        weights, alive = deployment.weights, deployment.activations
        worst = model.facts.inference_memory.worst
        at = f" at {worst.node}" if worst else ""
        amount = budget.measure(model.facts)
        is_exact = amount.low == amount.high
        shown = format_bytes(alive.high) if is_exact else _between(alive)
        return self.finding(
            f"inference {verb} {budget.written(model.facts)}, {budget.source} is "
            f"{format_bytes(budget.limit)}: weights {format_bytes(weights.high)}, "
            f"activations {shown}{at}",
            severity=severity,
            node=worst.node if worst else None,
            data={
                "peak_bytes": {"low": amount.low, "high": amount.high},
                "limit_bytes": budget.limit,
                "weight_bytes": weights.high,
                "activation_bytes": {"low": alive.low, "high": alive.high},
                "tensors": list(worst.tensors) if worst else [],
            },
            help=advice(
                model,
                inference_memory,
                budget,
                otherwise="shrink the feature maps around the worst node, or use a larger device",
            ),
        )


def _between(amount: Amount) -> str:
    low, high = format_bytes(amount.low), format_bytes(amount.high)
    return high if low == high else f"{low} (in place) to {high}"
