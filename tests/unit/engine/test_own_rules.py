"""What archlint reports itself is listed, and nothing that a plugin or a test adds."""

from __future__ import annotations

import ast
import inspect

import pytest

from archlint.engine import file_rules
from archlint.engine import own_rules as run_rules
from archlint.engine.file_rules import FileRule
from archlint.engine.own_rule import OwnRule
from archlint.engine.own_rules import own_rules
from archlint.manual import Manual, read_manual
from archlint.testing import lint_text
from archlint.testing.examples import ManualExample, manual_examples

SECTIONS = ("What it does", "Why is this bad", "Example", "Use instead", "How it decides")
RULES = [type(rule) for rule in own_rules()]


def test_every_own_rule_is_listed_once() -> None:
    written = [
        node.name
        for module in (run_rules, file_rules)
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef) and node.name != FileRule.__name__
    ]
    assert [type(rule).__name__ for rule in own_rules()] == written


def test_subclasses_defined_elsewhere_are_not_own_rules() -> None:
    stranger = type("Stranger", (OwnRule,), {"code": "LINT999", "name": "stranger"})
    assert not any(isinstance(rule, stranger) for rule in own_rules())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_own_rule_has_a_manual_of_its_own(rule: type[OwnRule]) -> None:
    manual: Manual = read_manual(rule)
    assert manual.text.startswith(f"# {rule.code} {rule.name}\n")
    assert [line[3:] for line in manual.text.splitlines() if line[:3] == "## "] == [*SECTIONS]


@pytest.mark.parametrize("case", manual_examples(RULES), ids=str)
def test_the_examples_of_a_manual_do_what_it_says(case: ManualExample) -> None:
    found = lint_text(case.example.text)
    own = [finding.message for finding in found if finding.code == case.rule.code]
    assert bool(own) is case.example.fails, found
    assert all(any(text in message for message in own) for text in case.example.expected), own


def test_every_manual_belongs_to_a_rule() -> None:
    folder = read_manual(RULES[0]).path
    assert folder is not None
    assert {path.stem for path in folder.parent.iterdir()} == {rule.name for rule in RULES}
