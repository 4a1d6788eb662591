"""The limits that an amount exceeds, or may exceed."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import Model, Severity
from archlint_rules.budget.budget import Budget, Family, Verdict


def exceeded(
    model: Model, family: Family, certain: str = "needs", possible: str = "may need"
) -> Iterator[tuple[Budget, str, Severity]]:
    """Yield each exceeded limit of a family, with the verb of the message and the severity.

    Where only the upper end of a bounded amount is over the limit, it is a warning.
    """
    for budget in family(model.target):
        verdict = budget.verdict(model.facts)
        if verdict is Verdict.EXCEEDS:
            yield budget, certain, Severity.ERROR
        elif verdict is Verdict.MAY_EXCEED:
            yield budget, possible, Severity.WARNING
