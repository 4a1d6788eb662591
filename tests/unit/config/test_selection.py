"""Which rules run."""

from __future__ import annotations

import pytest

from archlint.config.selection import Selection

RULE = ("RF001", "receptive-field-too-small")


@pytest.mark.parametrize(
    ("selection", "runs"),
    [
        (Selection(), True),
        (Selection(select=()), False),
        (Selection(select=("RF",)), True),
        (Selection(select=("MEM",)), False),
        (Selection(select=("ALL",)), True),
        (Selection(select=("receptive-field-too-small",)), True),
        (Selection(select=("receptive",)), False),
        (Selection(ignore=("RF",)), False),
        (Selection(ignore=("ALL",)), False),
        (Selection(select=("RF001",), ignore=("RF",)), True),
        (Selection(select=("RF",), ignore=("RF001",)), False),
        (Selection(select=("RF",), ignore=("RF",)), False),
        (Selection(select=("RF",), ignore=("ALL",)), True),
        (Selection(select=("MEM",), extend_select=("RF0",)), True),
        (Selection(ignore=("RF",), extend_select=("RF001",)), True),
    ],
)
def test_the_most_specific_word_counts(selection: Selection, runs: bool) -> None:
    assert selection.includes(*RULE) is runs


def test_a_rule_that_is_off_needs_its_own_name() -> None:
    assert not Selection().includes(*RULE, enabled=False)
    assert not Selection(select=("ALL", "RF")).includes(*RULE, enabled=False)
    assert Selection(select=("RF001",)).includes(*RULE, enabled=False)
    assert Selection(extend_select=(RULE[1],)).includes(*RULE, enabled=False)


def test_a_selection_overrides_the_one_below() -> None:
    under = Selection(("RF",), ("RF001", "MEM"), ("OPT",))
    assert Selection(ignore=("INIT",)).over(under) == Selection(
        ("RF",), ("RF001", "MEM", "INIT"), ("OPT",)
    )
    assert Selection(select=("RF001",)).over(under) == Selection(("RF001",), ("MEM",))
    assert Selection(extend_select=("MEM",)).over(under) == Selection(
        ("RF",), ("RF001",), ("OPT", "MEM")
    )
    assert Selection().over(under) == under


def test_words_lists_each_selected_name_once() -> None:
    assert Selection(("RF",), ("A",), ("RF", "B")).words == ("RF", "B", "A")
