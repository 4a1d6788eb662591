"""Every built-in rule does what its manual says."""

from __future__ import annotations

import re

import pytest

from archlint.manual import read_manual
from archlint.plugins import load_plugins
from archlint.testing import ManualExample, check_example, manual_examples

RULES = [
    type(rule)
    for rule in load_plugins().rules
    if type(rule).__module__.startswith("archlint_rules.")
]


@pytest.mark.parametrize("example", manual_examples(RULES), ids=str)
def test_example(example: ManualExample) -> None:
    check_example(example)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_manual_is_headed_by_the_code_and_the_name(rule) -> None:
    assert read_manual(rule).text.startswith(f"# {rule.code} {rule.name}\n")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_says_since_when_it_is_there(rule) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_imports_the_api_alone(rule) -> None:
    """What a built-in rule needs, a stranger's rule must be able to have."""
    import inspect

    source = inspect.getsource(inspect.getmodule(rule))
    imported = set(re.findall(r"^\s*(?:from|import) (archlint[\w.]*)", source, re.MULTILINE))
    assert {name for name in imported if not name.startswith("archlint_rules")} == {"archlint.api"}
