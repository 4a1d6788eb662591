"""Maps of positions to what they read."""

import pytest

from archlint.ops.reach import window


@pytest.mark.parametrize("length", [0, 1, 5])
def test_maps_that_drift_apart_make_a_table(length):
    united = window(3, stride=2).union(window(5, stride=3), length)
    assert united.at(0) == window(5, stride=3).at(0)
    if length > 1:
        assert united.at(1) == window(3, stride=2).at(1).union(window(5, stride=3).at(1))


def test_maps_that_drift_apart_along_an_unknown_axis_cannot_be_told():
    assert window(3, stride=2).union(window(5, stride=3), None) is None
