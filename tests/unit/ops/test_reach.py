"""Maps of positions to what they read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.ops.reach import Reach, window
from archlint.ops.taps import Taps, united

SETS = st.builds(Taps.of, st.lists(st.integers(-9, 9), max_size=4))


@given(
    st.integers(-7, 7),
    st.lists(SETS, min_size=1, max_size=4),
    st.integers(-12, 12),
    st.integers(1, 30),
)
def test_a_run_of_positions_reads_what_its_positions_read(
    advance: int, offsets: list[Taps], first: int, count: int
) -> None:
    reach = Reach(advance, tuple(offsets))
    run = range(first, first + count)

    seen = reach.of_set(Taps.progression(first, count, 1))

    assert list(seen) == list(united(reach.at(position) for position in run))


@pytest.mark.parametrize("length", [0, 1, 5])
def test_maps_that_drift_apart_make_a_table(length: int) -> None:
    united = window(3, stride=2).union(window(5, stride=3), length)
    assert united.at(0) == window(5, stride=3).at(0)
    if length > 1:
        assert united.at(1) == window(3, stride=2).at(1).union(window(5, stride=3).at(1))


def test_maps_that_drift_apart_along_an_unknown_axis_are_undetermined() -> None:
    assert window(3, stride=2).union(window(5, stride=3), None) is None


@given(
    positions=st.sets(st.integers(-50, 50), max_size=8),
    low=st.integers(-60, 60),
    high=st.integers(-60, 60) | st.just(2**62),
)
def test_positions_within_bounds_are_those_between_them(
    positions: set[int], low: int, high: int
) -> None:
    assert set(Taps.of(positions).within(low, high)) == {p for p in positions if low <= p <= high}
