"""Every built-in rule does what its manual says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from archlint.api import Rule
from archlint.plugins import load_plugins
from archlint.testing import ManualExample, check_example, check_manual, manual_examples

RULES = [
    type(rule)
    for rule in load_plugins().rules
    if type(rule).__module__.startswith("archlint_rules.")
]


@pytest.mark.parametrize("example", manual_examples(RULES), ids=str)
def test_example(example: ManualExample) -> None:
    check_example(example)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_manual_is_whole(rule: type[Rule]) -> None:
    check_manual(rule)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_says_since_when_it_is_there(rule: type[Rule]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_imports_the_api_alone(rule: type[Rule]) -> None:
    """What a built-in rule needs, a stranger's rule must be able to have."""
    source = Path(sys.modules[rule.__module__].__file__ or "").read_text(encoding="utf-8")
    imported = set(re.findall(r"^\s*(?:from|import) (archlint[\w.]*)", source, re.MULTILINE))
    assert {name for name in imported if not name.startswith("archlint_rules")} == {"archlint.api"}
