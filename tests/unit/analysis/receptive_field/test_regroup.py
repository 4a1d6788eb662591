"""Reshapes: which axes hold the same elements."""

from __future__ import annotations

import pytest

from archlint.graph.value import Shape
from archlint.ops.links import Fixed, Opaque, Regroup, Through
from archlint.ops.regroup import regroupings


@pytest.mark.parametrize(
    ("before", "after", "groups"),
    [
        ((2, 20, 32), (2, 20, 4, 8), {((2,), (2, 3))}),
        (("N", 20, 32), ("N", 20, 4, 8), {((2,), (2, 3))}),
        ((20, "N", 32), (20, None, 8), {((1, 2), (1, 2))}),
        ((None, 6, 4, 6, 4, 3), (None, 16, 3), {((0, 1, 2, 3, 4), (0, 1))}),
        ((2, 3, 8, 8), (2, 192), {((1, 2, 3), (1,))}),
        ((2, 192), (2, 3, 8, 8), {((1,), (1, 2, 3))}),
        ((6, 4), (8, 3), {((0, 1), (0, 1))}),
        ((2, 8, 1, 1), (2, 8), set()),
        (("N", 8, "H", "W"), ("N", 2, 4, "H", "W"), {((1,), (1, 2))}),
    ],
)
def test_reshapes_map_the_smallest_groups_of_axes(
    before: Shape, after: Shape, groups: set[object]
) -> None:
    links = regroupings(before, after)
    found = {(link.sources, link.targets) for link in links if isinstance(link, Regroup)}
    assert found == groups
    assert not any(isinstance(link, Opaque) for link in links)
    seen = [link.sources if isinstance(link, Regroup) else (link.source,) for link in links]
    assert sorted(axis for axes in seen for axis in axes) == list(range(len(before)))


def test_removed_axes_of_size_one_read_a_fixed_position() -> None:
    links = regroupings((2, 8, 1, 1), (2, 8))
    assert set(links) == {Through(0, 0), Through(1, 1), Fixed(2), Fixed(3)}


def test_axes_of_unknown_size_are_opaque() -> None:
    links = regroupings(("N", "H", "W", 3), ("N", None, 3))
    assert {link.source for link in links if isinstance(link, Opaque)} == {1, 2}
