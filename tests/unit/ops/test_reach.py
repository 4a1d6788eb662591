"""What many positions read together is what each of them reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archlint.ops.reach import Reach
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
