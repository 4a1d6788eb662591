"""BUDGET001: a budget that cannot be decided."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Finding, Model, Rule, Severity, Unknown
from archlint_rules.budget.budget import Budget, Verdict
from archlint_rules.budget.budgets import all_budgets

_SHOWN = 3


class BudgetUndecided(Rule):
    """A budget cannot be decided, because a part of the amount is unknown."""

    code = "BUDGET001"
    name = "budget-undecided"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "compute", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report every budget whose amount has unknown parts, with the parts."""
        for budget in all_budgets(model):
            if budget.verdict(model.facts) is Verdict.UNDECIDED:
                yield self._undecided(model, budget)

    def _undecided(self, model: Model, budget: Budget) -> Finding:
        if budget.missing is not None:
            return self.finding(
                f"{budget.source} cannot be decided: {budget.missing.reason}",
                path=("target",),
                data={"limit": budget.limit, "missing": budget.missing.reason},
                help=budget.missing.help,
            )
        amount = budget.measure(model.facts)
        parts = [_text(part) for part in amount.unknown]
        more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        return self.finding(
            f"{budget.what} needs {budget.written(model.facts)}, and whether that stays within "
            f"{budget.source} ({budget.write(budget.limit)}) cannot be decided: "
            f"{'; '.join(parts[:_SHOWN])}{more}",
            node=next((part.node for part in amount.unknown if part.node), None),
            data={
                "limit": budget.limit,
                "low": amount.low,
                "unknown": [
                    {"node": part.node, "op": part.op, "reason": part.reason}
                    for part in amount.unknown
                ],
            },
            help=_advice(model),
        )


def _text(part: Unknown) -> str:
    return f"{part.op} {part.node}: {part.reason}" if part.node else part.reason


def _advice(model: Model) -> str:
    """Say how to bind what is open in the inputs, or what else is missing."""
    graph = model.graph
    opened = []
    for name in graph.inputs:
        for axis, dim in enumerate(graph.values[name].shape or ()):
            if isinstance(dim, int):
                continue
            opened.append("--batch-size N" if axis == 0 else f"--dim {dim or f'{name}.{axis}'}=N")
    if opened:
        return f"bind the open dimensions: {' '.join(dict.fromkeys(opened))}"
    return "a plugin can add the operator (hook archlint_ops)"
