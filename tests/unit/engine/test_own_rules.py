"""Every code that archlint itself reports can be selected and explained."""

from __future__ import annotations

import re
from pathlib import Path

import archlint
from archlint.engine.own_rules import own_rules

SOURCE = Path(archlint.__file__).parent


def test_every_problem_of_a_file_is_among_them() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py")))
    used = set(re.findall(r'"((?:FILE|YAML)\d{3})",\s*"([a-z-]+)"', text))
    assert len(used) >= 5
    assert used <= {(rule.code, rule.name) for rule in own_rules()}


def test_codes_and_names_are_their_own() -> None:
    rules = own_rules()
    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules)
    assert all(rule.summary() for rule in rules)
