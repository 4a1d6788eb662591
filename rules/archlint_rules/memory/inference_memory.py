"""MEM002: a forward pass needs more memory than there is."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_bytes
from archlint_rules.budget.budget import Budget, Verdict
from archlint_rules.budget.budgets import inference_memory
from archlint_rules.budget.remedies import advice


class InferenceMemoryExceeded(Rule):
    """A forward pass needs more memory than the device or the budget has."""

    code = "MEM002"
    name = "inference-memory-exceeded"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Hold the weights and the worst moment of the activations against each limit."""
        for budget in inference_memory(model.target):
            if budget.verdict(model.facts) in {Verdict.EXCEEDS, Verdict.MAY_EXCEED}:
                yield self._exceeded(model, budget)

    def _exceeded(self, model: Model, budget: Budget) -> Finding:
        parameters, memory = model.facts.parameters, model.facts.inference_memory
        weights = parameters.nbytes + parameters.buffer_bytes
        worst = memory.worst
        at = f" at {worst.node}" if worst else ""
        return self.finding(
            f"inference needs {budget.written(model.facts)}, {budget.source} is "
            f"{format_bytes(budget.limit)}: weights {format_bytes(weights)}, "
            f"activations {format_bytes(memory.peak.low)}{at}",
            node=worst.node if worst else None,
            data={
                "peak_bytes": budget.measure(model.facts).low,
                "limit_bytes": budget.limit,
                "weight_bytes": weights,
                "activation_bytes": memory.peak.low,
                "tensors": list(worst.tensors) if worst else [],
            },
            help=advice(
                model,
                inference_memory,
                budget,
                otherwise="shrink the feature maps around the worst node, or use a larger device",
            ),
        )
