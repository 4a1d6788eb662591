"""BUDGET001: budgets that cannot be decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.budget.budget import Budget, Missing, Verdict
from archlint_rules.budget.budgets import all_budgets
from archlint_rules.budget.open_budget import OpenBudget, by_reason, open_budget, up_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archlint.api import Largest

_SHOWN = 3


class BudgetUndecided(Rule):
    """A budget cannot be decided, because a part of the amount is unknown."""

    code = "BUDGET001"
    name = "budget-undecided"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("memory", "compute", "budget")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the budgets whose amounts have unknown parts, those of one cause together."""
        groups: dict[str | None, list[OpenBudget]] = {}
        for budget in all_budgets(model):
            if budget.missing is not None:
                yield self._without(budget, budget.missing)
            elif budget.verdict(model.facts) is Verdict.UNDECIDED:
                found = open_budget(model, budget)
                groups.setdefault(found.cause, []).append(found)
        for group in groups.values():
            yield self._undecided(model, group)

    def _without(self, budget: Budget, missing: Missing) -> Finding:
        return self.finding(
            f"{budget.source} cannot be decided: {missing.reason}",
            path=budget.path,
            data={"limit": budget.limit, "missing": missing.reason},
            help=missing.help,
        )

    def _undecided(self, model: Model, group: Sequence[OpenBudget]) -> Finding:
        """Report budgets that are undecided for the same reason, at the tightest limit."""
        first = min(group, key=lambda each: each.largest.size if each.largest else 0)
        node = next((part.node for part in first.amount.unknown if part.node), None)
        return self.finding(
            _one(first) if len(group) == 1 else _several(group),
            node=node,
            # An unknown operator has a place in the graph; an open dimension has not.
            path=first.budget.path if first.symbols or node is None else None,
            data={
                **first.data,
                "unknown": [
                    {"node": part.node, "op": part.op, "reason": part.reason}
                    for part in first.amount.unknown
                ],
                "budgets": [each.data for each in group],
            },
            help=_advice(model),
        )


def _one(found: OpenBudget) -> str:
    """Describe an undecided budget: the largest size that fits, and the unknown parts."""
    largest, told = found.largest, _reasons([found])
    if largest is not None:
        fits = f"it fits {up_to(largest)}" if largest.size else _not_even(largest)
        told.insert(0, fits)
    return (
        f"{found.budget.what} needs {found.needs}, and whether that stays within {found.limit} "
        f"cannot be decided{_opened(found)}{': ' if told else ''}{'; '.join(told)}"
    )


def _several(group: Sequence[OpenBudget]) -> str:
    """Describe several undecided budgets: the largest size for which all fit, then each."""
    told = "; ".join((*_all_fit(group), *_reasons(group), *(each.in_short for each in group)))
    return f"{len(group)} budgets cannot be decided{_opened(group[0])}: {told}"


def _all_fit(group: Sequence[OpenBudget]) -> list[str]:
    """Return the sizes that all budgets allow, where they have the same dimension and step."""
    found = [each.largest for each in group if each.largest]
    if len(found) < len(group) or len({each.step for each in found}) > 1:
        return []
    least = min(found, key=lambda each: each.size)
    return [f"all fit {up_to(least)}" if least.size else _not_even(least)]


def _not_even(largest: Largest) -> str:
    """Say that the smallest size is too large already."""
    return f"not even {largest.symbol} = {largest.step} fits"


def _opened(found: OpenBudget) -> str:
    """Say which dimensions are open: ` while N and T are open`."""
    symbols = found.symbols
    verb = "is" if len(symbols) == 1 else "are"
    return f" while {' and '.join(symbols)} {verb} open" if symbols else ""


def _reasons(group: Sequence[OpenBudget]) -> list[str]:
    """Return why parts are unknown besides open dimensions, the first few reasons."""
    unknown = dict.fromkeys(part for each in group for part in each.unknown)
    reasons = by_reason(unknown)
    more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return ["; ".join(reasons[:_SHOWN]) + more] if reasons else []


def _advice(model: Model) -> str:
    """Say how to bind what is open in the inputs, or what else is missing."""
    flags = model.binding_flags()
    if flags:
        return f"bind the open dimensions: {' '.join(flags)}"
    return "a plugin can add the operator (hook archlint_ops)"
