"""The largest size of an open dimension at which an amount stays within a limit."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct, field

from archlint.analysis.formulas.composed import Composed
from archlint.analysis.formulas.samples import LARGEST_BATCH, OutOfTrials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archlint.analysis.facts import Facts
    from archlint.analysis.formulas.formula import Formula
    from archlint.analysis.formulas.formulas import Measure
    from archlint.analysis.formulas.samples import Samples

# An analysis costs about as much as there are nodes: no more than a second or two in all.
_NODES = 8000
_FEWEST, _MOST = 4, 40
_STRIDE = 64


class Search(Struct):
    """The search for the largest size at which a growing amount stays within a limit.

    Amounts are piecewise linear. The next size to try is where the line through the last two sizes
    that fit meets the limit, or else where the line through both ends of the remaining range does.
    `exceeds` is the smallest size known not to fit, and `above` its amount, None if it was not
    tried.
    """

    limit: float
    exceeds: int
    above: float | None = None
    fitting: list[tuple[int, float]] = field(default_factory=list)

    @property
    def fits(self) -> int:
        """The largest size that is known to fit, 0 where none is."""
        return self.fitting[-1][0] if self.fitting else 0

    @property
    def is_over(self) -> bool:
        """Whether no size is left between the largest that fits and the smallest that does not."""
        return self.exceeds - self.fits <= 1

    def take(self, size: int, amount: float) -> None:
        """Record the amount at a size."""
        if amount <= self.limit:
            self.fitting.append((size, amount))
        else:
            self.exceeds, self.above = size, amount

    def next(self) -> int:
        """Return the size to try next."""
        if not self.fitting:
            return 1
        last, most = self.fitting[-1]
        for before, less in self.fitting[-2:-1]:
            slope = (most - less) / (last - before)
            meets = last + (self.limit - most) / slope if slope else inf
            if meets < self.exceeds:
                return self._inside(int(meets))
        if self.above is None:
            return self._inside(last * _STRIDE)
        if self.above == inf:
            return (last + self.exceeds) // 2
        share = (self.limit - most) / (self.above - most)
        return self._inside(last + int(share * (self.exceeds - last)))

    def _inside(self, size: int) -> int:
        return min(max(size, self.fits + 1), self.exceeds - 1)


class Largest(Struct, frozen=True):
    """The largest size of a symbol that fits, in multiples of `step`; 0 where none fits."""

    symbol: str
    size: int
    step: int


def largest_size(
    samples: Samples, measure: Measure, formula: Formula, limit: float, parts: Sequence[Formula]
) -> Largest | None:
    """Return the largest size of the only open dimension at which `measure` stays within `limit`.

    The search starts where the formula meets the limit; `parts` are the formulas of the parts of a
    composed amount. The result is confirmed by amounts computed at that size and the next, except
    for batches within the range in which formulas were verified (`Fit`). None where there are
    several open dimensions, where no end is found, where a part of the amount is always unknown,
    and where a larger size may need less.
    """
    if len(samples.dims) != 1 or formula.unknown or not _grows(formula):
        return None
    step = formula.domain[0].step if formula.domain else 1
    nodes = max(len(samples.open_facts.graph.nodes), 1)
    trials = min(max(_NODES // nodes, _FEWEST), _MOST)
    search = Search(limit, LARGEST_BATCH // step + 1)
    amounts = _Amounts(samples, measure, formula, parts)
    guesses = _guesses(formula, limit, step)
    if samples.is_batch and not guesses:
        _begin(search, amounts)
    for _ in range(_MOST):
        if search.is_over:
            break
        size = guesses.pop() if guesses else search.next()
        if not search.fits < size < search.exceeds:
            continue
        amount = amounts.told(size * step)
        if amount is None:
            if not trials:
                break
            trials -= 1
            amount = amounts.of(samples.bind((size * step,)))
        search.take(size, amount)
    if not search.is_over or search.above is None:
        return None
    return Largest(samples.dims[0].name, search.fits * step, step)


class _Amounts(Struct, frozen=True):
    """An amount at sizes of the only open dimension, with its formula or those of its parts."""

    samples: Samples
    measure: Measure
    formula: Formula
    parts: Sequence[Formula]

    def told(self, size: int) -> float | None:
        """Return the amount by the formulas, for batches in the range where these were verified.

        An amount is convex in the batch, so that a formula that holds at both ends holds between.
        """
        if not self.samples.is_batch or size > self.samples.ladders[0].far:
            return None
        if not (self.parts and isinstance(self.measure, Composed)):
            amount = self.formula.amount(size)
            return None if amount is None else amount.high
        parts = [formula.amount(size) for formula in self.parts]
        known = [part for part in parts if part is not None]
        return self.measure.whole(self.samples.some, known).high if known == parts else None

    def of(self, facts: Facts) -> float:
        """Return the amount, infinite where it is unknown or the model is invalid with the size."""
        if not facts.graph.refusals.keys() <= self.samples.open_facts.graph.refusals.keys():
            return inf
        amount = self.measure(facts)
        return amount.high if amount.complete else inf


def _begin(search: Search, amounts: _Amounts) -> None:
    """Record the amounts at the batches that formulas are fitted to: most runs need them."""
    try:
        for size in amounts.samples.batches:
            if search.fits < size < search.exceeds:
                search.take(size, amounts.of(amounts.samples.facts((size,))))
    except OutOfTrials:
        return


def _grows(formula: Formula) -> bool:
    """Whether the amount grows with the size, as the largest of several moments does too."""
    if formula.high is None:
        return True
    return all(factor > 0 or not any(powers) for powers, factor in formula.high.terms.items())


def _guesses(formula: Formula, limit: float, step: int) -> list[int]:
    """Return the sizes, in steps, next to where the formula meets the limit, last first."""
    if formula.high is None:
        return []
    fits, exceeds = 0, LARGEST_BATCH // step + 1
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if formula.high.at((middle * step,)) <= limit:
            fits = middle
        else:
            exceeds = middle
    end = formula.domain[0].largest
    fits = fits if end is None else min(fits, end // step)
    return [fits + 1, fits]
