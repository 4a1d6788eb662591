"""The closed forms of a normal number, against sums over the grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.analysis.signal.function import Curve, Line, Multiple, applied, product_of, sum_of

NUMBERS = st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) > 1e-3)
LINES = st.builds(Line, NUMBERS, NUMBERS)


@given(LINES, st.floats(0, 1))
def test_a_line_has_the_moments_of_its_values(line: Line, correlation: float) -> None:
    curve = Curve(line.values)
    size = abs(line.mean) + abs(line.slope)
    assert line.mean == pytest.approx(curve.mean, abs=1e-12 * size)
    assert line.second_moment == pytest.approx(curve.second_moment)
    assert line.product(correlation) == pytest.approx(
        curve.product(correlation), abs=1e-9 * size * size
    )
    assert line.kurtosis == pytest.approx(curve.kurtosis, rel=1e-6)
    assert line.least == curve.least
    for order in (1, 2):
        assert line.square_coefficient(order) == pytest.approx(
            curve.square_coefficient(order), abs=1e-9
        )


@given(LINES, LINES, NUMBERS)
def test_a_line_is_computed_with_as_its_values_are(
    first: Line, second: Line, number: float
) -> None:
    size = 10 * (abs(first.mean) + abs(first.slope) + abs(second.mean) + abs(second.slope))
    made = [
        (first.shifted(number), first.values + number),
        (first.scaled(number), first.values * number),
        (sum_of(first, second), first.values + second.values),
        (product_of(first, second), first.values * second.values),
        (product_of(Line(number), second), number * second.values),
    ]
    for function, values in made:
        assert function.values == pytest.approx(values, abs=1e-12 * size * (size + abs(number) + 1))
    if first.mean:
        assert Line(first.mean).reciprocal.values == pytest.approx(1 / Line(first.mean).values)


@given(st.floats(1e-3, 1e3), st.floats(0, 1), NUMBERS)
def test_a_rectified_line_has_the_moments_of_its_values(
    slope: float, correlation: float, number: float
) -> None:
    found = applied(lambda x: x.clip(min=0) + 0.1 * x.clip(max=0), Line(0, slope))
    assert isinstance(found, Multiple)
    for function in (found, found.scaled(number)):
        curve = Curve(function.values)
        assert function.values == pytest.approx(curve.values)
        assert function.mean == pytest.approx(curve.mean)
        assert function.second_moment == pytest.approx(curve.second_moment)
        assert function.product(correlation) == pytest.approx(curve.product(correlation))
        assert function.kurtosis == pytest.approx(curve.kurtosis)
        assert function.least == pytest.approx(curve.least)
        for order in (1, 2):
            expected = pytest.approx(curve.square_coefficient(order))
            assert function.square_coefficient(order) == expected
    assert found.scaled(number).values == pytest.approx(found.values * number)
    assert found.shifted(number).values == pytest.approx(found.values + number)


@pytest.mark.parametrize("bound", [2, 6, 1e6])
def test_what_bends_away_from_zero_is_no_multiple_of_itself(bound: float) -> None:
    line = Line(0, 2 * bound)
    found = applied(lambda x: x.clip(0, bound), line)
    assert found.values == pytest.approx(line.values.clip(0, bound))
