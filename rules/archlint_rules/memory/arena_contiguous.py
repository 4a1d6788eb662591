"""MEM004: the activations do not fit into one block of memory."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_bytes
from archlint_rules.budget.budget import Budget, Verdict
from archlint_rules.budget.budgets import contiguous_memory, inference_memory
from archlint_rules.budget.exceeded import exceeded
from archlint_rules.budget.remedies import advice


class ArenaContiguous(Rule):
    """The activations need a larger contiguous block of SRAM than the device has."""

    code = "MEM004"
    name = "arena-contiguous"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the arena with the largest block; MEM002 covers the whole memory."""
        limits = list(inference_memory(model.target))
        if any(limit.verdict(model.facts) is Verdict.EXCEEDS for limit in limits):
            return
        for budget, verb, severity in exceeded(model, contiguous_memory):
            yield self._exceeded(model, budget, verb, severity)

    def _exceeded(self, model: Model, budget: Budget, verb: str, severity: Severity) -> Finding:
        amount, worst = budget.measure(model.facts), model.facts.inference_memory.worst
        at = f" at {worst.node}" if worst else ""
        return self.finding(
            f"{budget.what} {verb} {budget.written(model.facts)}{at}, {budget.source} is "
            f"{format_bytes(budget.limit)}",
            severity=severity,
            node=worst.node if worst else None,
            data={
                "arena_bytes": {"low": amount.low, "high": amount.high},
                "limit_bytes": budget.limit,
                "tensors": list(worst.tensors) if worst else [],
            },
            help=advice(
                model,
                contiguous_memory,
                budget,
                otherwise="shrink the feature maps around the worst node, or split them in tiles",
            ),
        )
