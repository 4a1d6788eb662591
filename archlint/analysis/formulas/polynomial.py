"""Polynomials with exact coefficients, and interpolation on a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import lcm, prod
from typing import TypeAlias

from msgspec import Struct

Point: TypeAlias = tuple[int, ...]
"""A whole number for each symbol."""


class Polynomial(Struct, frozen=True):
    """A polynomial in several symbols.

    `terms` holds the coefficient of each product of powers, an exponent a symbol; none is zero.
    The highest powers come first.
    """

    terms: Mapping[Point, Fraction]

    @property
    def degree(self) -> int:
        """The highest total degree of a term."""
        return max(map(sum, self.terms), default=0)

    def at(self, point: Sequence[int]) -> Fraction:
        """Return the value where the symbols have the sizes of `point`."""
        return sum(
            (
                coefficient * prod(size**power for size, power in zip(point, powers, strict=True))
                for powers, coefficient in self.terms.items()
            ),
            Fraction(0),
        )

    def written(self, symbols: Sequence[str], write: Callable[[float], str]) -> str:
        """Write the polynomial for people, each coefficient as `write` does: `4 k * N^2 + 12`."""
        text = ""
        for powers, coefficient in self.terms.items():
            factors = [
                symbol if power == 1 else f"{symbol}^{power}"
                for symbol, power in zip(symbols, powers, strict=True)
                if power
            ]
            sign = (" - " if coefficient < 0 else " + ") if text else "-" * (coefficient < 0)
            size, divisor = abs(coefficient), ""
            if size < 1:  # which would be printed as 0
                size, divisor = Fraction(size.numerator), f" / {size.denominator}"
            text += sign + " * ".join((write(float(size)), *factors)) + divisor
        return text or write(0)


class Grid(Struct, frozen=True, dict=True):
    """Points in a grid: every combination of the `sizes` of each symbol, which are distinct."""

    sizes: tuple[Point, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """The points, the last symbol first to change."""
        return tuple(product(*self.sizes))

    def fit(self, values: Sequence[int]) -> Polynomial:
        """Return the polynomial that has `values` at the points.

        It is the only one of a degree less than the number of sizes in each symbol: the sum of
        Lagrange's basis polynomials, each times the value at its point.
        """
        divisor, weights = self._weights
        sums = {
            powers: sum(weight * value for weight, value in zip(row, values, strict=True))
            for powers, row in weights.items()
        }
        return Polynomial({powers: Fraction(top, divisor) for powers, top in sums.items() if top})

    @cached_property
    def _weights(self) -> tuple[int, dict[Point, list[int]]]:
        """A divisor, and what each value counts for each coefficient: whole numbers, for speed."""
        bases = [_lagrange(sizes) for sizes in self.sizes]
        exponents = sorted(product(*(range(len(sizes)) for sizes in self.sizes)), key=_rank)
        exact = {
            powers: [
                prod(
                    (basis[power] for basis, power in zip(chosen, powers, strict=True)),
                    start=Fraction(1),
                )
                for chosen in product(*bases)
            ]
            for powers in exponents
        }
        divisor = lcm(*(weight.denominator for row in exact.values() for weight in row))
        return divisor, {
            powers: [int(weight * divisor) for weight in row] for powers, row in exact.items()
        }


def _rank(powers: Point) -> tuple[int, Point]:
    """Order terms from the highest total degree down, then by the first symbols."""
    return -sum(powers), tuple(-power for power in powers)


def _lagrange(sizes: Point) -> list[list[Fraction]]:
    """Return Lagrange's basis: for each size the polynomial that is 1 there and 0 at the others.

    Each is a list of coefficients, that of the constant first.
    """
    return [_basis(own, [other for other in sizes if other != own]) for own in sizes]


def _basis(own: int, others: Sequence[int]) -> list[Fraction]:
    coefficients = [Fraction(1)]
    for other in others:  # times (x - other) / (own - other)
        raised = [Fraction(0), *coefficients]
        kept = [coefficient * other for coefficient in (*coefficients, Fraction(0))]
        coefficients = [
            (high - low) / (own - other) for high, low in zip(raised, kept, strict=True)
        ]
    return coefficients
