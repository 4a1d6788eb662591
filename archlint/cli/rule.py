"""List the rules, or print the manual of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import project_options, streams

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from archlint.rule import Rule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="a rule's code or name, or a prefix of codes"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    project_options.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the answer and return 0."""
    rules = project_options.open_project(options).rules
    if options.code is not None:
        rules = _find(options.code, rules)
    if options.format == "json":
        streams.answer(_as_json(rules))
    elif len(rules) == 1:
        from archlint.manual import read_manual

        streams.answer(read_manual(type(rules[0])).for_readers(rules[0].code))
    else:
        streams.answer(_table(rules))
    return 0


def _find(word: str, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rule with this code or name, or else those whose codes have this prefix."""
    from archlint.errors import CannotRun, did_you_mean

    for rule in rules:
        if word in {rule.code, rule.name} or word.upper() == rule.code:
            return (rule,)
    family = tuple(rule for rule in rules if word and rule.code.startswith(word.upper()))
    if family:
        return family
    words = [name for rule in rules for name in (rule.code, rule.name)]
    near = did_you_mean(word, words) or "; `archlint rule` lists all"
    raise CannotRun(f"unknown rule {word!r}{near}")


def _table(rules: Sequence[Rule]) -> str:
    from archlint.cli.table import table

    rows = [
        (rule.code, rule.name, rule.severity.value if rule.enabled else "off", rule.summary())
        for rule in rules
    ]
    return table(("code", "name", "severity", "finds"), rows)


def _as_json(rules: Sequence[Rule]) -> str:
    import json

    from archlint.manual import read_manual

    entries = [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "enabled": rule.enabled,
            "since": rule.since,
            "tags": list(rule.tags),
            "summary": rule.summary(),
            "manual": read_manual(type(rule)).for_readers(rule.code),
        }
        for rule in rules
    ]
    return json.dumps(entries, indent=1) + "\n"
