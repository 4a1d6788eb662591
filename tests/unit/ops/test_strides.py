"""Strides as PyTorch gives them: each case was read off a tensor."""

from __future__ import annotations

import pytest

from archlint.ops.strides import channels_last, channels_last_strides, contiguous, follows, reshape


@pytest.mark.parametrize(
    ("shape", "strides", "new", "expected"),
    [
        ((2, 3, 4), (12, 4, 1), (6, 4), (4, 1)),
        ((2, 3, 4), (12, 4, 1), (2, 12), (12, 1)),
        ((2, 4, 3), (12, 1, 4), (2, 12), None),  # the last two axes changed places
        ((1, 4, 3), (12, 1, 4), (4, 3), (1, 4)),  # an axis of one element is no obstacle
        ((2, 5, 3, 4), (60, 4, 20, 1), (10, 3, 4), None),  # heads do not merge with the batch
        ((2, 5, 4), (0, 0, 1), (10, 4), (0, 1)),  # repeated axes merge
    ],
)
def test_a_reshape_is_a_view_where_contiguous_runs_stay_whole(shape, strides, new, expected):
    assert reshape(shape, strides, new) == expected


def test_a_pointwise_result_follows_its_inputs():
    moved = (60, 1, 12)  # (2, 12, 5) as the transposition of (2, 5, 12)
    assert follows((2, 12, 5), [((2, 12, 5), moved)]) == moved
    assert follows((2, 12, 5), [((2, 12, 5), contiguous((2, 12, 5)))]) == (60, 5, 1)
    # The first operand that tells two axes apart decides; a broadcast one does not.
    assert follows((2, 12, 5), [((5,), (1,)), ((2, 12, 5), moved)]) == moved


def test_channels_last_is_distinguished_from_row_major():
    shape = (2, 3, 4, 5)
    assert channels_last(shape, channels_last_strides(shape))
    assert not channels_last(shape, contiguous(shape))
    assert channels_last_strides(shape) == (60, 1, 15, 3)
