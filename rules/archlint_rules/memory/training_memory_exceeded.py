"""MEM001: a training step needs more memory than available."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Amount, Finding, Model, Rule, Severity, format_bytes
from archlint_rules.budget.budget import Budget, between
from archlint_rules.budget.budgets import training_memory
from archlint_rules.budget.exceeded import exceeded
from archlint_rules.budget.remedies import advice

_PASSING = {"in the update": "temporaries of the optimizer"}


class TrainingMemoryExceeded(Rule):
    """A training step needs more memory than the device or the budget has."""

    code = "MEM001"
    name = "training-memory-exceeded"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the peak of a training step with each limit."""
        for budget, verb, severity in exceeded(model, training_memory):
            yield self._exceeded(model, budget, verb, severity)

    def _exceeded(self, model: Model, budget: Budget, verb: str, severity: Severity) -> Finding:
        memory, saved = model.facts.training_memory, model.facts.saved.total
        peak = budget.measure(model.facts)
        parts = _parts(model) | _reserves(model, budget)
        breakdown = ", ".join(
            f"{name} {between(size, format_bytes)}" for name, size in parts.items()
        )
        return self.finding(
            f"training {verb} {budget.written(model.facts)} {memory.moment}, "
            f"{budget.source} is {format_bytes(budget.limit)}: {breakdown}",
            path=budget.path,
            severity=severity,
            data={
                "peak_bytes": {"low": peak.low, "high": peak.high},
                "limit_bytes": budget.limit,
                "weight_bytes": memory.weight_bytes,
                "gradient_bytes": memory.gradient_bytes,
                "optimizer_state_bytes": memory.state_bytes.low,
                "copies": memory.weights.copies,
                "reserves": {
                    name: {"low": amount.low, "high": amount.high}
                    for name, amount in _reserves(model, budget).items()
                },
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


def _parts(model: Model) -> dict[str, Amount]:
    """Return the parts of a training step by name; their sum may exceed the peak."""
    memory = model.facts.training_memory
    copies = {name: Amount.exact(size) for name, size in memory.weights.copies.items()}
    communication = memory.weights.communication
    return {
        "weights": Amount.exact(memory.weight_bytes),
        "gradients": Amount.exact(memory.gradient_bytes),
        f"{model.target.training.optimizer} state": memory.state_bytes,
        **copies,
        **({"communication": communication} if communication.high else {}),
        "saved activations": model.facts.saved.total,
        _PASSING.get(memory.moment, "loss and transient gradients"): Amount.exact(memory.passing),
    }


def _reserves(model: Model, budget: Budget) -> dict[str, Amount]:
    """Return the reserves by name, if the budget is that of the device."""
    device = model.facts.device_memory
    return device.reserves if device is not None and device.device.name in budget.source else {}
