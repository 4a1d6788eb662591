"""Finds the formulas of a model with open dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.formulas.composed import Composed
from archlint.analysis.formulas.fit import Fit, NoFormula
from archlint.analysis.formulas.formula import Formula
from archlint.analysis.formulas.largest_size import Largest, largest_size
from archlint.analysis.formulas.samples import Ladder, OutOfTrials, Samples

if TYPE_CHECKING:
    from archlint.analysis.amount import Amount
    from archlint.analysis.facts import Facts

Measure = Callable[["Facts"], "Amount"]


class Formulas(Struct, frozen=True, dict=True):
    """Amounts as formulas; the sizes that were tried for one serve all."""

    samples: Samples

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of the open dimensions."""
        return tuple(dim.name for dim in self.samples.dims)

    def of(self, measure: Measure) -> Formula:
        """Return the amount that `measure` takes of bound facts as a formula."""
        try:
            return self._fitted(measure)
        except NoFormula as error:
            return self.without(measure, str(error))
        except OutOfTrials:
            return self.without(measure, "no formula fits the sizes that were tried")

    def without(self, measure: Measure, reason: str = "it is rounded") -> Formula:
        """Return what is known of an amount that has no formula, for the `reason` given."""
        unknown = measure(self.samples.some).unknown
        return Formula(self.symbols, unknown=unknown, reason=reason, equal=self.samples.equal)

    def largest(self, measure: Measure, formula: Formula, limit: float) -> Largest | None:
        """Return the largest size of the only open dimension at which an amount is in a limit.

        `formula` is what `of` says of the amount.
        """
        parts: tuple[Formula, ...] = ()
        if isinstance(measure, Composed) and not formula.unknown:
            parts = self._lines(measure.parts)
        return largest_size(self.samples, measure, formula, limit, parts)

    def _lines(self, measures: Sequence[Measure]) -> tuple[Formula, ...]:
        """Return the lines that amounts are on; none where one of them takes more to find out."""
        if not self.samples.is_batch:
            return ()
        fits = [Fit(self.symbols, self.samples, self._ladders, each) for each in measures]
        try:
            found = [fit.line() for fit in fits]
        except OutOfTrials:
            return ()
        lines = tuple([line for line in found if line is not None])
        return lines if len(lines) == len(found) else ()

    def _fitted(self, measure: Measure) -> Formula:
        """Fit at small sizes; else, since weights count for most of them, piece by piece."""
        fit = Fit(self.symbols, self.samples, self._ladders, measure)
        try:
            return fit.formula()
        except NoFormula:
            if not self.samples.is_batch:
                raise
            return fit.pieces()

    @cached_property
    def _ladders(self) -> tuple[Ladder, ...]:
        """The sizes at which the work of a forward pass is a polynomial."""
        ladders = self.samples.ladders
        if self.samples.is_batch:
            return ladders
        try:
            Fit(
                self.symbols, self.samples, ladders, lambda facts: facts.compute.forward_macs
            ).formula()
        except NoFormula:
            return self.samples.coarser
        return ladders
