"""The largest size of an open dimension at which an amount stays within a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.record import record

if TYPE_CHECKING:
    from archlint.analysis.formulas.formula import Formula
    from archlint.analysis.formulas.formulas import Measure
    from archlint.analysis.formulas.samples import Samples

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


def largest_size(
    samples: Samples, measure: Measure, formula: Formula, limit: float
) -> Largest | None:
    """Return the largest size of the only open dimension at which `measure` stays within `limit`.

    The formula, where there is one, says where to look; that this size fits and the next does not
    is worked out without it. None where there are several dimensions, where no end was found,
    where a part of the amount stays unknown, and where a larger size may need less.
    """
    if len(samples.dims) != 1 or formula.unknown or not _grows(formula):
        return None
    step = formula.domain[0].step if formula.domain else 1
    nodes = max(len(samples.open_facts.graph.nodes), 1)
    left = min(max(_NODES // nodes, _FEWEST), _MOST)
    fits, exceeds = 0, _LARGEST // step + 1
    guesses = _guesses(formula, limit, step)
    while exceeds - fits > 1:
        if not left:
            return None
        left -= 1
        size = guesses.pop() if guesses else _between(fits, exceeds)
        if not fits < size < exceeds:
            continue
        if _fits(samples, measure, limit, size * step):
            fits = size
        else:
            exceeds = size
    if exceeds > _LARGEST // step:
        return None
    return Largest(samples.dims[0].name, fits * step, step)


def _fits(samples: Samples, measure: Measure, limit: float, size: int) -> bool:
    """Whether the amount fits, in a model that takes this size."""
    facts, refusals = samples.bind((size,)), samples.open_facts.graph.refusals
    if not facts.graph.refusals.keys() <= refusals.keys():
        return False
    amount = measure(facts)
    return amount.complete and amount.high <= limit


def _grows(formula: Formula) -> bool:
    """Whether the amount grows with the size, as the largest of several moments does too."""
    if formula.high is None:
        return True
    return all(factor > 0 or not any(powers) for powers, factor in formula.high.terms.items())


def _guesses(formula: Formula, limit: float, step: int) -> list[int]:
    """Return the steps next to where the formula meets the limit, the first to try last."""
    if formula.high is None:
        return []
    fits, exceeds = 0, _LARGEST // step + 1
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if formula.high.at((middle * step,)) <= limit:
            fits = middle
        else:
            exceeds = middle
    end = formula.domain[0].largest
    fits = fits if end is None else min(fits, end // step)
    return [fits + 1, fits]


def _between(fits: int, exceeds: int) -> int:
    """Return a size between two, near the smaller one as long as the larger is far away."""
    return min(_STRIDE * fits or 1, (fits + exceeds) // 2)
