"""The union of what several paths read, along the axis of the field."""

from __future__ import annotations

from archlint.analysis.receptive_field.branch import Branch
from archlint.analysis.receptive_field.branches import joined_pieces
from archlint.ops.links import Piece
from archlint.ops.reach import Reach
from archlint.ops.taps import Taps


def shifted(offset: int) -> Branch:
    """Return a path on which each position reads the one at `offset` from it."""
    return Branch(((1, Reach(1, (Taps.progression(offset, 1, 1),))),))


def test_pieces_that_do_not_fit_into_the_declared_size_are_no_exact_field():
    parts = [(Piece(1, 0, 3), shifted(0)), (Piece(1, 3, 3), shifted(2))]
    branches, is_exact = joined_pieces(parts, (1, 4), 8)
    assert not is_exact
    assert branches


def test_a_union_with_too_many_positions_is_not_known():
    spread = Reach(0, tuple(Taps.progression(8 * phase, 8, 1) for phase in range(100_000)))
    assert spread.union(Reach(0, (Taps.progression(0, 8, 1),)), None) is None
