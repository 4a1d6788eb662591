"""MEM001: a training step needs more memory than there is."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Amount, Finding, Model, Rule, Severity, format_bytes
from archlint_rules.budget.budget import Budget, Verdict
from archlint_rules.budget.budgets import training_memory
from archlint_rules.budget.remedies import advice


class TrainingMemoryExceeded(Rule):
    """A training step needs more memory than the device or the budget has."""

    code = "MEM001"
    name = "training-memory-exceeded"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Hold the peak of a training step against each limit on it."""
        for budget in training_memory(model.target):
            verdict = budget.verdict(model.facts)
            if verdict is Verdict.EXCEEDS:
                yield self._exceeded(model, budget, "needs", Severity.ERROR)
            elif verdict is Verdict.MAY_EXCEED:
                yield self._exceeded(model, budget, "may need", Severity.WARNING)

    def _exceeded(self, model: Model, budget: Budget, verb: str, severity: Severity) -> Finding:
        memory, saved = model.facts.training_memory, model.facts.saved.total
        peak = budget.measure(model.facts)
        parts = {
            "weights": memory.weight_bytes,
            "gradients": memory.gradient_bytes,
            f"{model.target.training.optimizer} state": memory.state_bytes.low,
            **memory.weights.copies,
            **_communication(memory.weights.communication),
            "activations kept for backward": saved.high,
        }
        breakdown = ", ".join(f"{name} {format_bytes(size)}" for name, size in parts.items())
        return self.finding(
            f"training {verb} {budget.written(model.facts)}, "
            f"{budget.source} is {format_bytes(budget.limit)}: {breakdown}",
            path=("target",),
            severity=severity,
            data={
                "peak_bytes": {"low": peak.low, "high": peak.high},
                "limit_bytes": budget.limit,
                "weight_bytes": memory.weight_bytes,
                "gradient_bytes": memory.gradient_bytes,
                "optimizer_state_bytes": memory.state_bytes.low,
                "copies": memory.weights.copies,
                "saved_activation_bytes": {"low": saved.low, "high": saved.high},
                "batch_size": model.target.batch_size,
            },
            help=advice(
                model,
                training_memory,
                budget,
                otherwise="use a smaller batch, an optimizer with less state, or a larger device",
            ),
        )


def _communication(amount: Amount) -> dict[str, int]:
    """Return what is on its way between processes, where there is anything."""
    return {"communication": amount.high} if amount.high else {}
