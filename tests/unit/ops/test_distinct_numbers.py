"""Numbers that are there again tell how large a table was that rows were looked up in."""

from __future__ import annotations

import numpy as np
import pytest

from archlint.ops.restored.distinct_numbers import (
    DistinctNumbers,
    Rows,
    distinct_of_all,
    distinct_rows,
)

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_rows_that_were_looked_up_are_counted_once(order: tuple[int, ...]) -> None:
    table = RANDOM.normal(size=(13, 4))
    places = np.add.outer(np.arange(7), np.arange(7))  # 0 to 12, each at least once
    assert distinct_rows(table[places].transpose(order)) == Rows(13 * 4, 4)


def test_a_token_that_was_repeated_is_counted_once() -> None:
    token = RANDOM.normal(size=(1, 2, 5))
    found = distinct_rows(np.repeat(token, 3, axis=0))
    assert found is not None
    assert found.elements == token.size


def test_numbers_that_are_all_different_are_all_counted() -> None:
    assert distinct_rows(RANDOM.normal(size=(6, 8))) == Rows(48, 8)


@pytest.mark.parametrize("numbers", [np.zeros((4, 4)), np.eye(4)])
def test_zeros_and_ones_decide_nothing(numbers: np.ndarray) -> None:
    assert distinct_rows(numbers) is None


def test_adjacent_parts_share_no_number() -> None:
    whole = RANDOM.normal(size=20)
    assert distinct_of_all([whole[:12], whole[12:]]) == (20, True)
    assert distinct_of_all([whole[:12], whole[8:]]) == (20, False)


def test_without_numbers_the_result_is_unknown() -> None:
    from archlint.graph.dtype import DType
    from archlint.graph.value import Role, Value

    stored = Value("w", DType.FLOAT32, (2, 2), Role.STORED)
    assert DistinctNumbers().rows(stored) is None
