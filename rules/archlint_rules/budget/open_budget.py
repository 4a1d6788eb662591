"""A budget that cannot be decided, with the known parts of its amount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.api import Amount, Formula, Model, Unknown
from archlint_rules.budget.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.api import Largest


class OpenBudget(Struct, frozen=True):
    """A budget whose amount has unknown parts.

    `formula` and `largest` are None where the model leaves no dimension open, and `largest` also
    where no largest size of the only open dimension is known.
    """

    budget: Budget
    amount: Amount
    bound: str
    formula: Formula | None = None
    largest: Largest | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """The open dimensions."""
        return self.formula.symbols if self.formula else ()

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        """The parts that stay unknown for any sizes of the open dimensions."""
        return self.formula.unknown if self.formula else self.amount.unknown

    @property
    def cause(self) -> str | None:
        """The first unknown node, which often is the cause of those after it."""
        return next((part.node for part in self.unknown if part.node), None)

    @property
    def limit(self) -> str:
        """The source of the limit, and its value."""
        return f"{self.budget.source} ({self.budget.write(self.budget.limit)})"

    @property
    def needs(self) -> str:
        """The amount: as a formula with its domain, or as a lower bound."""
        formula = self.formula
        written = formula.written(self.budget.write) if formula else ""
        if formula is None or not written:
            return self.bound
        if self.largest and self.largest.size and formula.piece(self.largest.size) is None:
            return self.bound  # a formula for sizes that do not fit is irrelevant
        return f"{written}, for {formula.condition}" if formula.condition else written

    @property
    def in_short(self) -> str:
        """The amount and the limit, and which sizes fit, as one of several."""
        text = f"{self.budget.what} needs {self.needs}"
        if self.largest is not None and self.largest.size and self._says_nothing:
            return f"{self.budget.what} is within {self.limit} {up_to(self.largest)}"
        if self.largest is None:
            return f"{text} and has {self.limit}"
        symbol, size, step = self.largest.symbol, self.largest.size, self.largest.step
        if not size:
            return f"{text}, more than {self.limit} even at {symbol} = {step}"
        return f"{text}, within {self.limit} {up_to(self.largest)}"

    @property
    def _says_nothing(self) -> bool:
        """Whether the lower bound of the amount is zero."""
        return self.needs == self.bound and not self.amount.low

    @property
    def data(self) -> dict[str, object]:
        """The numbers, for machines."""
        return {
            "budget": self.budget.source,
            "limit": self.budget.limit,
            "low": self.amount.low,
            "formula": self.formula.written(self.budget.write) or None if self.formula else None,
            "largest": {self.largest.symbol: self.largest.size} if self.largest else None,
        }


def open_budget(model: Model, budget: Budget) -> OpenBudget:
    """Return an undecided budget with what can be said of the sizes that a model leaves open."""
    amount, bound = budget.measure(model.facts), budget.written(model.facts)
    if not model.open_dims:
        return OpenBudget(budget, amount, bound)
    formulas = model.formulas
    formula = (formulas.of if budget.has_formula else formulas.without)(budget.measure)
    largest = formulas.largest(budget.measure, formula, budget.limit)
    return OpenBudget(budget, amount, bound, formula, largest)


def up_to(largest: Largest) -> str:
    """Say up to which size of an open dimension something fits."""
    multiples = f", in multiples of {largest.step}" if largest.step > 1 else ""
    return f"up to {largest.symbol} = {largest.size}{multiples}"


def by_reason(unknown: Iterable[Unknown]) -> list[str]:
    """Return a text for each reason, with the first node that it applies to."""
    nodes: dict[str, list[str]] = {}
    for part in unknown:
        nodes.setdefault(part.reason, []).append(f"{part.op} {part.node}" if part.node else "")
    return [
        f"{first}{f' and {len(rest)} more' if rest else ''}: {reason}" if first else reason
        for reason, (first, *rest) in nodes.items()
    ]
