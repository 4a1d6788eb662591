"""What names of calls say about the parameters that they were folded with."""

from __future__ import annotations

import pytest

from archlint.graph.program.origin import Origin
from archlint.ops.composite.precomputed import ITSELF, SAVED
from archlint.ops.restored.folded_calls import FoldedCalls


def calls(*names: str, parameters: int = 1, others: tuple[str, ...] = ()) -> FoldedCalls:
    return FoldedCalls(Origin(tuple("abc"[:parameters]), others, names))


@pytest.mark.parametrize(
    ("names", "may_cut", "may_grow"),
    [
        (("neg", "exp"), False, False),
        (("view", "permute", "clone"), False, False),
        (("slice",), True, False),
        (("expand",), False, True),
        (("select", "unsqueeze", "expand"), True, True),
        (("mean",), True, False),
        (("linalg_vector_norm", "clamp_min", "expand", "div"), False, False),
        (("mean", "sub", "var", "add", "sqrt", "div"), False, False),
        (("upsample_bicubic2d",), True, True),
        (("a_call_of_tomorrow",), True, True),
    ],
)
def test_sizes_follow_where_the_calls_keep_them(
    names: tuple[str, ...], may_cut: bool, may_grow: bool
) -> None:
    assert (calls(*names).may_cut, calls(*names).may_grow) == (may_cut, may_grow)


def test_a_broadcast_operand_may_be_smaller_than_the_result() -> None:
    assert not calls("mul").may_grow
    assert calls("mul", parameters=2).may_grow
    assert calls("add", others=("grid",)).may_grow
    assert calls("arange", "mul").may_grow


def test_a_view_allocates_no_tensor() -> None:
    assert calls("slice", "unsqueeze", "expand").are_views
    assert not calls("slice", "clone").are_views
    assert not calls("view", others=("index",)).are_views  # the call `index` has that name too


def test_the_last_call_saves_its_result() -> None:
    exact = calls("exp", "unsqueeze")
    assert exact.least_memory[ITSELF] == exact.most_memory[ITSELF] == 1
    assert not exact.is_in_doubt
    assert not calls("log").least_memory[ITSELF]


def test_an_unknown_order_leaves_open_what_is_saved() -> None:
    """exp(-x) saves its result alone, -exp(x) another tensor."""
    doubtful = calls("exp", "neg")
    assert doubtful.is_in_doubt
    assert doubtful.least_memory.get(SAVED, 0) == 0
    assert doubtful.most_memory[SAVED] == 1


def test_computed_indices_save_nothing() -> None:
    assert calls("arange", "sub", "log", "mul", "embedding").most_memory[SAVED] == 0


def test_a_concatenation_by_the_exporter_is_not_a_call() -> None:
    inside = FoldedCalls(Origin(("a", "b"), (), ("zeros",)), is_inside=True)
    assert inside.only_join
    assert not inside.may_cut
