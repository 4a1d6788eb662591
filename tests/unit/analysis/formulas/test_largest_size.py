"""The search for the largest size within a limit, against amounts whose answer is known."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.analysis.formulas.largest_size import Search

LIMIT = 10**9
LINES = st.lists(
    st.tuples(st.integers(0, 10**7), st.integers(0, 2 * LIMIT)), min_size=1, max_size=5
)


def searched(amount, trials: int, *, exceeds: int = 2**20 + 1) -> Search:
    search = Search(LIMIT, exceeds)
    for _ in range(trials):
        size = search.next()
        search.take(size, amount(size))
        if search.is_over:
            break
    return search


@given(LINES, st.integers(1, 10**6))
def test_the_largest_of_lines_is_found(lines, slope):
    """A peak is the largest of many moments, each a line in the batch."""

    def amount(size: int) -> int:
        return max(slope * size, *(factor * size + rest for factor, rest in lines), 0)

    search = searched(amount, 200)

    assert search.is_over
    assert search.fits == 0 or amount(search.fits) <= LIMIT
    assert search.fits == 2**20 or amount(search.fits + 1) > LIMIT


@pytest.mark.parametrize(
    ("amount", "largest"),
    [
        (lambda size: 40_000 * size + 3_000_000, 24925),
        (lambda size: max(500_000_000, 3_000_000 * size), 333),
        (lambda size: max(10**8 + 10**6 * size, 4 * 10**6 * size - 10**8), 275),
        (lambda _: 2 * LIMIT, 0),
        (lambda size: 9_000 * size**2, 333),
        (lambda size: inf if size > 512 else size, 512),
    ],
)
def test_the_largest_size_is_found_within_sixteen_trials(amount, largest: int):
    search = searched(amount, 16)

    assert search.is_over
    assert search.fits == largest


def test_a_linear_amount_is_tried_at_five_sizes():
    assert searched(lambda size: 40_000 * size + 3_000_000, 5).is_over
