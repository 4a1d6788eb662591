"""The largest batch that a budget allows, found by working the facts out again."""

from __future__ import annotations

from dataclasses import replace

from archlint.api import Model
from archlint_rules.budget.budget import Budget, Verdict


def largest_batch(model: Model, budget: Budget) -> int | None:
    """Return the largest batch size that fits, 0 where not even one does.

    None where no batch size is given, so that there is nothing to change. What grows with the
    batch is monotone: bisection needs about log2 of the batch size to try.
    """
    given = model.target.batch_size
    if given is None:
        return None
    fits, exceeds = 0, given
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        facts = model.retarget(replace(model.target, batch_size=middle))
        if budget.verdict(facts) is Verdict.FITS:
            fits = middle
        else:
            exceeds = middle
    return fits


def batch_advice(model: Model, budget: Budget) -> str:
    """Return what a smaller batch would do, as the end of a finding's help."""
    batch = largest_batch(model, budget)
    if batch is None:
        return ""
    if batch == 0:
        return "no batch fits, not even one sample"
    return f"the largest batch that fits is {batch}"
