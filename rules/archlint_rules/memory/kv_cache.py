"""MEM008: the keys and values of a whole context do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_bytes
from archlint_rules.budget.budget import Budget, Verdict
from archlint_rules.budget.budgets import generation_memory
from archlint_rules.budget.remedies import advice


class KvCache(Rule):
    """The weights and the KV cache of the declared context exceed the memory."""

    code = "MEM008"
    name = "kv-cache"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare weights and cache with each limit on inference."""
        for budget in generation_memory(model.target):
            if budget.verdict(model.facts) is Verdict.EXCEEDS:
                yield self._exceeded(model, budget)

    def _exceeded(self, model: Model, budget: Budget) -> Finding:
        weights = model.facts.deployment.weights.low
        amount = budget.measure(model.facts)
        context = model.target.context_length
        return self.finding(
            f"generation needs {budget.written(model.facts)} at a context of {context}, "
            f"{budget.source} is {format_bytes(budget.limit)}: weights {format_bytes(weights)}, "
            f"keys and values {format_bytes(amount.low - weights)}",
            path=budget.path,
            data={
                "bytes": amount.low,
                "cache_bytes": amount.low - weights,
                "weight_bytes": weights,
                "limit_bytes": budget.limit,
                "context_length": context,
                "batch_size": model.target.batch_size,
            },
            help=advice(
                model,
                generation_memory,
                budget,
                otherwise="share keys and values between heads, or use a shorter context",
            ),
        )
