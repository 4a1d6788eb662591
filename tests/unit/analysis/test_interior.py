"""The middle positions of a field that is given position by position."""

import pytest

from archlint.analysis.receptive_field.interior import interior
from archlint.ops.reach import Reach
from archlint.ops.taps import Taps


def table(*fields: tuple[int, int]) -> Reach:
    spans = tuple(Taps(low, (1 << (high - low + 1)) - 1) for low, high in fields)
    return Reach(0, spans, finite=True)


@pytest.mark.parametrize(
    ("fields", "sizes"),
    [
        # Zero padding: the outer ones are cut.
        ([(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5)], {3}),
        # Tokens that were merged over a border of two windows read three, the last ones to the
        # end of the input; a window that a shift put together of both ends is none of them.
        ([(0, 3), (0, 3), (2, 5), (2, 7), (4, 7), (0, 7)], {4, 6}),
        ([(0, 5), (2, 5), (2, 5), (4, 7)], {4, 6}),
    ],
)
def test_interior_is_what_no_border_cuts_off(fields: list[tuple[int, int]], sizes: set[int]):
    found = interior(table(*fields), 1 + max(high for _, high in fields))

    assert found is not None
    assert {taps.span for taps in found.offsets} == sizes


def test_a_long_row_of_positions_takes_no_time_that_grows_with_its_square():
    count = 200_000
    fields = table(*((position, position + position % 2) for position in range(count)))

    found = interior(fields, count + 1)

    assert found is not None
    assert found.period == 2
