"""An amount as a formula in the sizes that a model leaves open."""

from __future__ import annotations

from collections.abc import Callable

from archlint.analysis.amount import Unknown
from archlint.analysis.polynomial import Polynomial
from archlint.record import record


@record
class Sizes:
    """The sizes of one symbol that a formula holds for: multiples of `step` from `smallest` on."""

    smallest: int = 1
    step: int = 1


@record
class Formula:
    """An amount between the polynomials `low` and `high`, or the `reason` why there are none.

    `symbols` are the names behind the powers of the terms, and `domain` the sizes of each that the
    polynomials hold for. `unknown` are the parts that stay unknown whatever the sizes; they are in
    no term.
    """

    symbols: tuple[str, ...]
    low: Polynomial | None = None
    high: Polynomial | None = None
    domain: tuple[Sizes, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    reason: str = ""

    def written(self, write: Callable[[float], str]) -> str:
        """Write the formula for people, each coefficient as `write` does; nothing without one.

        The sizes from which it holds are a part of that, `periods` are not.
        """
        if self.low is None or self.high is None:
            return ""
        low, high = (end.written(self.symbols, write) for end in (self.low, self.high))
        text = low if self.low == self.high else f"({low}) to ({high})"
        from_sizes = [
            f"{symbol} >= {sizes.smallest}"
            for symbol, sizes in zip(self.symbols, self.domain, strict=True)
            if sizes.smallest > sizes.step
        ]
        bound = f"at least {low}" if self.unknown else text
        return f"{bound} for {' and '.join(from_sizes)}" if from_sizes else bound

    @property
    def periods(self) -> str:
        """What the sizes have to be multiples of, in words: `H and W multiples of 32`."""
        by_step: dict[int, list[str]] = {}
        for symbol, sizes in zip(self.symbols, self.domain, strict=False):
            by_step.setdefault(sizes.step, []).append(symbol)
        return " and ".join(
            f"{' and '.join(names)} {'a multiple' if len(names) == 1 else 'multiples'} of {step}"
            for step, names in by_step.items()
            if step > 1
        )
