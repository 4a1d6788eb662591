"""FLOP001: a step computes more, or takes longer, than its budget."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, format_flops, format_share
from archlint_rules.budget.budget import Budget
from archlint_rules.budget.budgets import step_flops, step_time
from archlint_rules.budget.exceeded import exceeded
from archlint_rules.budget.remedies import advice


class StepBudgetExceeded(Rule):
    """A step computes more FLOP, or takes longer, than the target allows."""

    code = "FLOP001"
    name = "step-budget-exceeded"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("compute", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the matmul-class work of a step and its time with their budgets."""
        yield from self._works(model)
        yield from self._times(model)

    def _works(self, model: Model) -> Iterator[Finding]:
        trains = model.target.training.optimizer is not None
        compute = model.facts.training_compute if trains else model.facts.compute
        for budget, _, _ in exceeded(model, step_flops):
            forward, backward = compute.forward_flops.low, compute.backward_flops.low
            parts = f": forward {format_flops(forward)}, backward {format_flops(backward)}"
            yield self.finding(
                f"{budget.what} computes {budget.written(model.facts)}, {budget.source} is "
                f"{format_flops(budget.limit)}{parts if trains else ''}",
                path=budget.path,
                data={
                    "flops": budget.measure(model.facts).low,
                    "limit_flops": budget.limit,
                    "forward_flops": forward,
                    "backward_flops": backward,
                    "batch_size": model.target.batch_size,
                },
                help=advice(
                    model,
                    step_flops,
                    budget,
                    otherwise="use a smaller input or a narrower network",
                ),
            )

    def _times(self, model: Model) -> Iterator[Finding]:
        """Report an error where the arithmetic alone takes too long, else a warning."""
        for budget, _, severity in exceeded(model, step_time):
            yield self._too_slow(model, budget, severity)

    def _too_slow(self, model: Model, budget: Budget, severity: Severity) -> Finding:
        time = model.facts.step_time
        least, estimate = time.nanoseconds.low, time.nanoseconds.high
        device = model.target.device.name if model.target.device else ""
        return self.finding(
            f"{budget.what} takes about {budget.write(estimate)} on {device}, "
            f"{budget.source} is {budget.write(budget.limit)}: the arithmetic alone takes "
            f"{budget.write(least)} at the full peak, and operators wait for memory in "
            f"{format_share(time.memory_bound_share)} of the time",
            path=budget.path,
            severity=severity,
            data={
                "seconds": estimate / 1e9,
                "least_seconds": least / 1e9,
                "limit_seconds": budget.limit / 1e9,
                "memory_bound_share": time.memory_bound_share,
                "batch_size": model.target.batch_size,
            },
            help=advice(
                model, step_time, budget, otherwise="use a smaller input or a faster device"
            ),
        )
