"""What archlint reports itself is listed, and nothing that a plugin or a test adds."""

from __future__ import annotations

import ast
import inspect

from archlint.engine import own_rules as module
from archlint.engine.own_rules import OwnRule, own_rules


def test_every_own_rule_is_listed_once() -> None:
    tree = ast.parse(inspect.getsource(module))
    written = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name != OwnRule.__name__
    ]
    assert [type(rule).__name__ for rule in own_rules()] == written


def test_a_stranger_is_not_listed() -> None:
    stranger = type("Stranger", (OwnRule,), {"code": "LINT999", "name": "stranger"})
    assert not any(isinstance(rule, stranger) for rule in own_rules())
