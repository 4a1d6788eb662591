"""SARIF: what code scanning shows beside a finding."""

from __future__ import annotations

import json
from typing import Any

from .conftest import Archlint


def _rules(archlint: Archlint) -> dict[str, dict[str, Any]]:
    (run,) = json.loads(archlint("check", "net.arch.yaml", "--format", "sarif").out)["runs"]
    return {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}


def test_a_rule_that_found_something_brings_its_manual(archlint: Archlint) -> None:
    """The manual is installed with archlint and has no address of its own."""
    manual = archlint("rule", "ARCH006").out
    rule = _rules(archlint)["ARCH006"]
    assert rule["help"] == {"text": manual, "markdown": manual}
    assert "helpUri" not in rule


def test_every_rule_has_the_texts_that_code_scanning_needs(archlint: Archlint) -> None:
    for code, rule in _rules(archlint).items():
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"].endswith(".")
        assert code == "ARCH006" or rule["help"] == {"text": f"archlint rule {code}"}
