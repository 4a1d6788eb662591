"""Fitting a polynomial through its values gives it back."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.analysis.formulas.polynomial import Grid, Polynomial
from archlint.quantity import format_bytes, format_count

degrees = st.lists(st.integers(0, 3), min_size=1, max_size=3)
factors = st.integers(-(10**15), 10**15)


@st.composite
def polynomials(draw):
    """Draw a polynomial with whole coefficients, and a grid that is just large enough."""
    own = draw(degrees)
    exponents = list(product(*(range(degree + 1) for degree in own)))
    terms = {powers: Fraction(draw(factors)) for powers in exponents}
    sizes = tuple(
        tuple(draw(st.lists(st.integers(1, 99), min_size=d + 1, max_size=d + 1, unique=True)))
        for d in own
    )
    return Polynomial({powers: factor for powers, factor in terms.items() if factor}), Grid(sizes)


@given(polynomials())
def test_the_fit_of_a_polynomial_is_the_polynomial(drawn):
    polynomial, grid = drawn
    values = [int(polynomial.at(point)) for point in grid.points]
    assert grid.fit(values).terms == polynomial.terms


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_a_coefficient_may_be_a_fraction(factor, first):
    # Pairs of n tokens: n (n + 1) / 2.
    grid = Grid(((first, first + 1, first + 5),))
    pairs = [factor * n * (n + 1) // 2 for (n,) in grid.points]
    fitted = grid.fit(pairs)
    assert fitted.at((1000,)) == factor * 500_500
    assert fitted.terms.get((2,), 0) == Fraction(factor, 2)


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({}, "0"),
        ({(0, 0): 12}, "12"),
        ({(1, 0): 1500}, "1.5 k * N"),
        ({(1, 2): 4, (1, 1): -2000, (0, 0): -1}, "4 * N * T^2 - 2 k * N * T - 1"),
        ({(0, 1): -3}, "-3 * T"),
        ({(1, 2): Fraction(3, 3200)}, "3 * N * T^2 / 3200"),
    ],
)
def test_a_polynomial_is_written_with_its_symbols(terms, text):
    polynomial = Polynomial({powers: Fraction(factor) for powers, factor in terms.items()})
    assert polynomial.written(("N", "T"), format_count) == text


def test_the_highest_powers_come_first():
    grid = Grid(((1, 2), (1, 2, 3)))
    values = [n * t * t * 1024 + n * t + n + 7 for n, t in grid.points]
    written = grid.fit(values).written(("N", "T"), format_bytes)
    assert written == "1 KiB * N * T^2 + 1 B * N * T + 1 B * N + 7 B"
