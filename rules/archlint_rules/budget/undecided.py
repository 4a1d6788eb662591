"""BUDGET001: a budget that cannot be decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.budget.budget import Budget, Verdict
from archlint_rules.budget.budgets import all_budgets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archlint.api import Largest, Unknown

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
        amount, formula = budget.measure(model.facts), None
        needs, unknown, largest, opened = budget.written(model.facts), amount.unknown, None, ""
        if model.open_dims:
            formula = model.formulas.of(budget.measure)
            largest = model.formulas.largest(budget.measure, formula, budget.limit)
            opened = f" while {_are_open(formula.symbols)}"
            unknown = formula.unknown
            holds = f", for {formula.condition}" if formula.condition else ""
            needs = f"{formula.written(budget.write)}{holds}" or needs
        return self.finding(
            f"{budget.what} needs {needs}, and whether that stays within {budget.source} "
            f"({budget.write(budget.limit)}) cannot be decided{opened}"
            f"{_because(largest, unknown)}",
            node=next((part.node for part in amount.unknown if part.node), None),
            data={
                "limit": budget.limit,
                "low": amount.low,
                "formula": formula.written(budget.write) or None if formula else None,
                "largest": {largest.symbol: largest.size} if largest else None,
                "unknown": [
                    {"node": part.node, "op": part.op, "reason": part.reason}
                    for part in amount.unknown
                ],
            },
            help=_advice(model),
        )


def _are_open(symbols: Sequence[str]) -> str:
    """Say that dimensions are open: `N and T are open`."""
    return f"{' and '.join(symbols)} {'is' if len(symbols) == 1 else 'are'} open"


def _because(largest: Largest | None, unknown: Iterable[Unknown]) -> str:
    """Return what is known of the sizes that fit, and the reasons of what is unknown."""
    parts = _by_reason(unknown)
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    told = [_up_to(largest)] if largest else []
    if parts:
        told.append("; ".join(parts[:_SHOWN]) + more)
    return f": {'; '.join(told)}" if told else ""


def _up_to(largest: Largest) -> str:
    """Say up to which size the amount fits."""
    symbol, size, step = largest.symbol, largest.size, largest.step
    if not size:
        return f"not even {symbol} = {step} fits"
    multiples = f", in multiples of {step}" if step > 1 else ""
    return f"it fits up to {symbol} = {size}{multiples}"


def _by_reason(unknown: Iterable[Unknown]) -> list[str]:
    """Return a text for each reason, with the first node that it holds for."""
    nodes: dict[str, list[str]] = {}
    for part in unknown:
        nodes.setdefault(part.reason, []).append(f"{part.op} {part.node}" if part.node else "")
    return [
        f"{first}{f' and {len(rest)} more' if rest else ''}: {reason}" if first else reason
        for reason, (first, *rest) in nodes.items()
    ]


def _advice(model: Model) -> str:
    """Say how to bind what is open in the inputs, or what else is missing."""
    flags = model.binding_flags()
    if flags:
        return f"bind the open dimensions: {' '.join(flags)}"
    return "a plugin can add the operator (hook archlint_ops)"
