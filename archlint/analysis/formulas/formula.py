"""An amount as a formula in the open dimensions of a model."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from archlint.analysis.amount import Amount, Unknown
from archlint.analysis.formulas.polynomial import Polynomial


class Sizes(Struct, frozen=True):
    """The sizes of one symbol for which a formula holds: multiples of `step`, from `smallest` on.

    `largest` is None where no upper end was found.
    """

    smallest: int = 1
    step: int = 1
    largest: int | None = None

    def range_of(self, symbol: str) -> str:
        """Return the range in words, nothing where it has no ends."""
        bounds = [f"{self.smallest} <= "] if self.smallest > self.step else []
        if self.largest is None:
            return f"{symbol} >= {self.smallest}" if bounds else ""
        return "".join((*bounds, symbol, f" <= {self.largest}"))


class Formula(Struct, frozen=True, eq=False):
    """An amount between the polynomials `low` and `high`, or the `reason` why there are none.

    `symbols` are the variables of the polynomials, and `domain` gives the sizes of each for which
    they hold. `unknown` are the parts that stay unknown whatever the sizes; no term contains them.
    `equal` names axes without a symbol that are taken to have the same size. `below` is the formula
    for smaller sizes, where another one holds there and was found.
    """

    symbols: tuple[str, ...]
    low: Polynomial | None = None
    high: Polynomial | None = None
    domain: tuple[Sizes, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    reason: str = ""
    equal: tuple[str, ...] = ()
    below: Formula | None = None

    def written(self, write: Callable[[float], str]) -> str:
        """Return the formula as text, with coefficients formatted by `write`; "" without one.

        The text includes the ranges of sizes for which it holds, but not the `condition`.
        """
        if self.low is None or self.high is None:
            return ""
        low, high = (end.written(self.symbols, write) for end in (self.low, self.high))
        text = low if self.low == self.high else f"({low}) to ({high})"
        bound = f"at least {low}" if self.unknown else text
        piece = f"{bound} for {self.ranges}" if self.ranges else bound
        return f"{piece}; {self.below.written(write)}" if self.below else piece

    def piece(self, size: int) -> Formula | None:
        """Return the formula for a size of the only symbol: this one, or one below it."""
        if any(sizes.smallest <= size for sizes in self.domain[:1]):
            return self
        return None if self.below is None else self.below.piece(size)

    def amount(self, size: int) -> Amount | None:
        """Return the amount at a size of the only symbol, None if it is not linear there."""
        piece = self.piece(size)
        if piece is None or piece.low is None or piece.high is None or piece.unknown:
            return None
        if max(piece.low.degree, piece.high.degree) > 1:
            return None
        return Amount(int(piece.low.at((size,))), int(piece.high.at((size,))))

    @property
    def ranges(self) -> str:
        """The ranges of sizes for which it holds, in words: `N >= 2 and T <= 512`."""
        pairs = zip(self.symbols, self.domain, strict=False)
        return " and ".join(filter(None, (sizes.range_of(symbol) for symbol, sizes in pairs)))

    @property
    def condition(self) -> str:
        """Further conditions for it, in words: `a.1 = b.1 and H and W multiples of 32`."""
        by_step: dict[int, list[str]] = {}
        for symbol, sizes in zip(self.symbols, self.domain, strict=False):
            by_step.setdefault(sizes.step, []).append(symbol)
        periods = [
            f"{' and '.join(names)} {'a multiple' if len(names) == 1 else 'multiples'} of {step}"
            for step, names in by_step.items()
            if step > 1
        ]
        return " and ".join((*self.equal, *periods))
