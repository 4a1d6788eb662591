"""FLOP001: a step computes more than its budget."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_flops
from archlint_rules.budget.budget import Verdict
from archlint_rules.budget.budgets import step_flops
from archlint_rules.budget.largest_batch import batch_advice


class StepFlopsExceeded(Rule):
    """A step computes more than the FLOP that the target allows."""

    code = "FLOP001"
    name = "step-flops-exceeded"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("compute", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Hold the matmul-class work of a step against the budget."""
        compute = model.facts.compute
        for budget in step_flops(model.target):
            if budget.verdict(model.facts) not in {Verdict.EXCEEDS, Verdict.MAY_EXCEED}:
                continue
            forward, backward = compute.forward_flops.low, compute.backward_flops.low
            parts = f": forward {format_flops(forward)}, backward {format_flops(backward)}"
            trains = model.target.training.optimizer is not None
            yield self.finding(
                f"{budget.what} computes {budget.written(model.facts)}, {budget.source} is "
                f"{format_flops(budget.limit)}{parts if trains else ''}",
                path=("target",),
                data={
                    "flops": budget.measure(model.facts).low,
                    "limit_flops": budget.limit,
                    "forward_flops": forward,
                    "backward_flops": backward,
                    "batch_size": model.target.batch_size,
                },
                help=batch_advice(model, budget) or "use a smaller input or a narrower network",
            )
