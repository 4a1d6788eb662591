"""SARIF 2.1.0, for code scanning: rules with their help, fingerprints that survive edits."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from archlint import __version__
from archlint.findings import Severity
from archlint.manual import read_manual
from archlint.report.json import plain

if TYPE_CHECKING:
    from pathlib import PurePath

    from archlint.report.outcome import Outcome, Reported
    from archlint.rule import Rule
    from archlint.sources.span import Span

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_NUMBER = re.compile(r"\d[\d.,]*")


class SarifReporter:
    """The outcome as a SARIF log; suppressed findings are in it, marked as such."""

    name = "sarif"

    def render(self, outcome: Outcome, *, color: bool) -> str:  # noqa: ARG002 - for machines
        """Return the log."""
        texts = outcome.texts
        results = [_result(item, texts.get(item.path), None) for item in outcome.findings]
        results += [_result(item, texts.get(item.path), "inSource") for item in outcome.suppressed]
        results += [_result(item, texts.get(item.path), "external") for item in outcome.baseline]
        found = {result["ruleId"] for result in results}
        log = {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {
                            "name": "archlint",
                            "version": __version__,
                            "rules": [
                                _rule(rule, explained=rule.code in found) for rule in outcome.rules
                            ],
                        }
                    },
                    "columnKind": "utf16CodeUnits",
                    "results": results,
                }
            ],
        }
        return json.dumps(log, indent=1, allow_nan=False) + "\n"


def _rule(rule: Rule, *, explained: bool) -> dict[str, Any]:
    """Return a rule, with its manual (which viewers show) if it has results."""
    help_text: dict[str, Any] = {"text": f"archlint rule {rule.code}"}
    if explained:
        manual = read_manual(type(rule)).for_readers(rule.code)
        help_text = {"text": manual, "markdown": manual}
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary()},
        "fullDescription": {"text": f"{rule.summary()}."},
        "help": help_text,
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": rule.enabled},
        "properties": {"tags": list(rule.tags)},
    }


def _result(item: Reported, text: str | None, suppressed: str | None) -> dict[str, Any]:
    finding = item.finding
    message = f"{finding.message}\nhelp: {finding.help}" if finding.help else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": [_location(item, text)],
        "partialFingerprints": {"archlint/v1": _fingerprint(item)},
        "properties": {"data": {str(key): plain(value) for key, value in finding.data.items()}},
    }
    if suppressed is not None:
        result["suppressions"] = [{"kind": suppressed}]
    return result


def _location(item: Reported, text: str | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri_of(Path(item.path))}}
    if item.span is not None:
        physical["region"] = _region(item.span, (text or "").splitlines())
    location: dict[str, Any] = {"physicalLocation": physical}
    place = item.finding.place
    name = place.node or place.tensor
    if name is not None:
        location["logicalLocations"] = [{"name": name, "kind": "member"}]
    return location


def uri_of(path: PurePath) -> str:
    """Return the URI of a file: relative for a relative path, else with the scheme `file:`.

    Bytes that are invalid in the file system's encoding are preserved.
    """
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))


def _region(span: Span, lines: list[str]) -> dict[str, int]:
    """Return a region whose columns count UTF-16 units, as SARIF asks for."""
    return {
        "startLine": span.start_line,
        "startColumn": _units(lines, span.start_line, span.start_column),
        "endLine": span.end_line,
        "endColumn": _units(lines, span.end_line, span.end_column),
    }


def _units(lines: list[str], line: int, column: int) -> int:
    before = lines[line - 1][: column - 1] if line <= len(lines) else ""
    return column + sum(ord(char) > 0xFFFF for char in before)


def _fingerprint(item: Reported) -> str:
    """Return a hash of code, symbolic place and message without its numbers."""
    finding = item.finding
    place = finding.place
    parts = (finding.code, item.path, place.node, place.tensor, place.path, place.key,
             _NUMBER.sub("#", finding.message))  # fmt: skip
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
