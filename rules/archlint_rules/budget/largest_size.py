"""The largest size of an open dimension that a budget allows, checked by working it out."""

from __future__ import annotations

from archlint.api import Formula, Model, record
from archlint_rules.budget.budget import Budget, Verdict

_NODES = 4000  # an analysis costs about as much as there are nodes: no more than a second or so
_FEWEST, _MOST = 4, 40
_LARGEST = 2**20
_STRIDE = 8


@record
class Largest:
    """The largest size of a symbol that fits, in multiples of `step`; 0 where none fits."""

    symbol: str
    size: int
    step: int

    def __str__(self) -> str:
        """Say up to which size the amount fits."""
        if not self.size:
            return f"not even {self.symbol} = {self.step} fits"
        multiples = f", in multiples of {self.step}" if self.step > 1 else ""
        return f"it fits up to {self.symbol} = {self.size}{multiples}"


def largest_size(model: Model, budget: Budget, formula: Formula) -> Largest | None:
    """Return the largest size of the only open dimension that fits.

    The formula, where there is one, says where to look; that this size fits and the next does not
    is worked out without it. None where there are several dimensions, where no end was found,
    where a part of the amount stays unknown, and where a larger size may need less.
    """
    if len(model.open_dims) != 1 or formula.unknown or not _grows(formula):
        return None
    step = formula.domain[0].step if formula.domain else 1
    left = min(max(_NODES // max(len(model.graph.nodes), 1), _FEWEST), _MOST)
    fits, exceeds = 0, _LARGEST // step + 1
    guesses = _guesses(formula, budget, step)
    while exceeds - fits > 1:
        if not left:
            return None
        left -= 1
        size = guesses.pop() if guesses else _between(fits, exceeds)
        if not fits < size < exceeds:
            continue
        if _fits(model, budget, size * step):
            fits = size
        else:
            exceeds = size
    if exceeds > _LARGEST // step:
        return None
    return Largest(model.open_dims[0].name, fits * step, step)


def _fits(model: Model, budget: Budget, size: int) -> bool:
    """Whether the amount fits, in a model that takes this size."""
    facts = model.bound((size,))
    is_sound = facts.graph.refusals.keys() <= model.graph.refusals.keys()
    return is_sound and budget.verdict(facts) is Verdict.FITS


def _grows(formula: Formula) -> bool:
    """Whether the amount grows with the size, as the largest of several moments does too."""
    if formula.high is None:
        return True
    return all(factor > 0 or not any(powers) for powers, factor in formula.high.terms.items())


def _guesses(formula: Formula, budget: Budget, step: int) -> list[int]:
    """Return the steps next to where the formula meets the limit, the first to try last."""
    if formula.high is None:
        return []
    fits, exceeds = 0, _LARGEST // step + 1
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if formula.high.at((middle * step,)) <= budget.limit:
            fits = middle
        else:
            exceeds = middle
    end = formula.domain[0].largest
    fits = fits if end is None else min(fits, end // step)
    return [fits + 1, fits]


def _between(fits: int, exceeds: int) -> int:
    """Return a size between two, near the smaller one as long as the larger is far away."""
    return min(_STRIDE * fits or 1, (fits + exceeds) // 2)
