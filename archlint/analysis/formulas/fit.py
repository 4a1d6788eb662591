"""Fits a polynomial to an amount that was computed at several sizes.

Sizes are addressed by rungs of a `Ladder`, which gives the sizes of a symbol that are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cached_property
from math import ceil, prod
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.formulas.formula import Formula, Sizes
from archlint.analysis.formulas.polynomial import Point, Polynomial
from archlint.analysis.formulas.samples import Ladder, OutOfTrials, Samples

if TYPE_CHECKING:
    from archlint.analysis.amount import Amount, Unknown
    from archlint.analysis.facts import Facts

_HIGHEST_DEGREE = 3
_LARGEST_GRID = 27
_MOST_PIECES = 3
_DIVISORS = (2, 3, 7)


class NoFormula(Exception):
    """Raised for an amount that is not a polynomial in the sizes; the text is the reason."""


class Ends(Struct, frozen=True):
    """The polynomials through the lower and through the upper end of an amount."""

    low: Polynomial
    high: Polynomial

    def hold(self, point: Point, amount: Amount) -> bool:
        """Whether they give `amount` at a point."""
        above = amount.complete and self.high.at(point) != amount.high
        return self.low.at(point) == amount.low and not above


class Fit(Struct, frozen=True, dict=True):
    """Fits a polynomial to an amount at small sizes, and verifies it at larger ones.

    The degree in a symbol is the lowest one with which the polynomial predicts the next size. Then
    it must predict the amount at distant sizes of all symbols together. If it fails for the
    smallest size of a symbol, that size is left out of the domain.
    """

    symbols: tuple[str, ...]
    samples: Samples
    ladders: tuple[Ladder, ...]
    measure: Callable[[Facts], Amount]

    def formula(self) -> Formula:
        """Return the formula; raises `NoFormula` where the amount is not a polynomial."""
        line = self.line() if self.samples.is_batch else None
        return line or self._polynomial()

    def line(self) -> Formula | None:
        """Return the amount as linear in the batch, None if it is not; batch 1 may be left out."""
        return self._line(-1) or self._line(0)

    def _line(self, first: int) -> Formula | None:
        """Return the amount as linear in the batch from a rung on, None if it is not.

        An amount is a sum or a maximum of linear functions, and so convex in the batch: if a third,
        distant size lies on the line through two sizes, so do all sizes between. Repeated layers
        have equal amounts, for which the result is cached.
        """
        (ladder,) = self.ladders
        sizes = (ladder.size(first), ladder.size(first + 1), ladder.far)
        amounts = tuple([self._at((size,)) for size in sizes])
        known = self.samples.lines
        if (first, amounts) not in known:
            try:
                ends = self._through([(first, first + 1)])
                holds = self._holds(ends, sizes[:1]) and self._holds(ends, sizes[2:])
            except NoFormula:
                holds = False
            domain = (Sizes(sizes[0], ladder.step, ladder.end),)
            known[first, amounts] = self._formula(ends, domain) if holds else None
        return known[first, amounts]

    def _polynomial(self) -> Formula:
        degrees = [1] * len(self.ladders)
        while True:
            ends = self._through([tuple(range(degree + 1)) for degree in degrees])
            wrong = [
                place
                for place, degree in enumerate(degrees)
                if not self._holds(ends, self._along(place, self.ladders[place].size(degree + 1)))
            ]
            if not wrong:
                break
            for place in wrong:
                degrees[place] += 1
            if max(degrees) > _HIGHEST_DEGREE or prod(d + 1 for d in degrees) > _LARGEST_GRID:
                raise self._failure([self.symbols[place] for place in wrong])
        for sizes in self._elsewhere:
            if not self._holds(ends, sizes):
                raise self._failure(self.symbols)
        ladders = [self._refined(ends, place) for place in range(len(degrees))]
        smallest = [
            self._smallest(ends, place, ladder.small) for place, ladder in enumerate(ladders)
        ]
        if not self._is_tried_and_holds(ends, tuple(smallest)):
            smallest = [ladder.base for ladder in self.ladders]
        domain = zip(smallest, ladders, strict=True)
        return self._formula(ends, tuple(Sizes(low, own.step, own.end) for low, own in domain))

    @property
    def _elsewhere(self) -> list[Point]:
        """Points at which all symbols are larger: distant ones, and some in between.

        An amount that is convex in the batch needs none in between.
        """
        far = tuple(ladder.far for ladder in self.ladders)
        between = tuple(ladder.between for ladder in self.ladders)
        return [far] if self.samples.is_batch else [far, between]

    def pieces(self) -> Formula:
        """Return the amount as piecewise linear in the batch: the piece of large batches first.

        A peak is the maximum over many moments, each of which is linear in the batch. It is convex,
        so that three sizes on a line bound a linear piece. Raises `NoFormula` where even large
        batches are on no line.
        """
        (ladder,) = self.ladders
        far = ladder.far - ladder.base
        piece = self._piece(far, None, _MOST_PIECES)
        if piece.domain[0].smallest >= ladder.size(far - 1):
            raise self._failure(self.symbols)
        return piece

    def _piece(
        self, last: int, largest: int | None, pieces: int, known: Ends | None = None
    ) -> Formula:
        """Return the linear piece that ends at rung `last`, with those below: at most `pieces`.

        Its start is found as by Newton's method: the line through two neighbouring sizes below it
        meets this piece at its start, or before. The last of these lines may be the next piece
        below, which is then passed on as `known`.
        """
        (ladder,) = self.ladders
        if known is not None and self._holds(known, (ladder.size(last),)):
            ends = known
        else:
            ends = self._through([(last - 1, last)])
        first, at, near = 0, 0, None
        while not self._holds(ends, (ladder.size(first),)):
            at, near = first, self._through([(first, first + 1)])
            meetings = (_meeting(near.low, ends.low), _meeting(near.high, ends.high))
            first = max(first + 1, *(ceil(size) - ladder.base for size in meetings))
            if first > last:
                raise self._failure(self.symbols)
        smallest = ladder.size(first) if first else self._smallest(ends, 0, ladder.small)
        piece = self._formula(ends, (Sizes(smallest, ladder.step, largest),))
        if first < 2 or pieces == 1:
            return piece
        try:
            known = near if at < first - 1 else None  # else it has one size below this piece
            below = self._piece(first - 1, smallest - 1, pieces - 1, known)
            return replace(piece, below=below)
        except (NoFormula, OutOfTrials):
            return piece

    def _through(self, rungs: list[tuple[int, ...]]) -> Ends:
        """Return the polynomials through the amounts at all combinations of rungs."""
        pairs = zip(self.ladders, rungs, strict=True)
        grid = self.samples.grid(
            tuple(tuple(ladder.size(rung) for rung in own) for ladder, own in pairs)
        )
        amounts = [self._amount(point) for point in grid.points]
        low = grid.fit([amount.low for amount in amounts])
        if self._always_unknown:  # then there is no upper end
            return Ends(low, low)
        return Ends(low, grid.fit([amount.high for amount in amounts]))

    def _holds(self, ends: Ends, point: Point) -> bool:
        amount = self._at(point)
        complete = amount.unknown == self._always_unknown and self.samples.is_sound(point)
        return complete and ends.hold(point, amount)

    def _amount(self, point: Point) -> Amount:
        """Return the amount at a point.

        Raises `NoFormula` where the model is invalid with these sizes, and where more parts are
        unknown than at other sizes.
        """
        amount = self._at(point)
        more = [part for part in amount.unknown if part not in self._always_unknown]
        if self.samples.is_sound(point) and not more:
            return amount
        sizes = zip(self.symbols, point, strict=True)
        where = " and ".join(f"{symbol} = {size}" for symbol, size in sizes)
        reasons = [f"{part.op} {part.node}: {part.reason}" for part in more]
        raise NoFormula(f"with {where}, {next(iter(reasons), 'shapes do not match')}")

    def _at(self, point: Point) -> Amount:
        return self.measure(self.samples.facts(point))

    @cached_property
    def _always_unknown(self) -> tuple[Unknown, ...]:
        """The parts that are unknown even at the base sizes, for other reasons than open ones."""
        return self._at(tuple(ladder.base for ladder in self.ladders)).unknown

    def _along(self, place: int, size: int) -> Point:
        """Return the point of the base sizes, with another size of one symbol."""
        sizes = [ladder.base for ladder in self.ladders]
        sizes[place] = size
        return tuple(sizes)

    def _refined(self, ends: Ends, place: int) -> Ladder:
        """Return the ladder of a symbol; a coarse one gets the smallest step that holds."""
        ladder = self.ladders[place]
        step = ladder.step
        for divisor in _DIVISORS if ladder.is_coarse else ():
            while step % divisor == 0:
                finer = step // divisor
                if not self._is_tried_and_holds(ends, self._along(place, ladder.base + finer)):
                    break
                step = finer
        return replace(ladder, step=step)

    def _smallest(self, ends: Ends, place: int, sizes: Iterable[int]) -> int:
        """Return the smallest of the descending `sizes` for which the polynomials hold."""
        smallest = self.ladders[place].base
        for size in sizes:
            if not self._is_tried_and_holds(ends, self._along(place, size)):
                break
            smallest = size
        return smallest

    def _is_tried_and_holds(self, ends: Ends, point: Point) -> bool:
        try:
            return self._holds(ends, point)
        except OutOfTrials:
            return False

    def _formula(self, ends: Ends, domain: tuple[Sizes, ...]) -> Formula:
        unknown, equal = self._always_unknown, self.samples.equal
        return Formula(self.symbols, ends.low, ends.high, domain, unknown, equal=equal)

    def _failure(self, symbols: Iterable[str]) -> NoFormula:
        return NoFormula(f"not a polynomial in {' and '.join(symbols)}")


def _meeting(first: Polynomial, second: Polynomial) -> Fraction:
    """Return where two lines meet, 0 where they do not."""
    gap, slope = (first.terms.get(power, 0) - second.terms.get(power, 0) for power in ((0,), (1,)))
    return Fraction(-gap) / slope if slope else Fraction(0)
