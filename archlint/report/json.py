"""The machine-readable report, `archlint-report/1`; its schema is in `archlint_schemas`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archlint import __version__
from archlint.findings import Fix, Place, Severity

if TYPE_CHECKING:
    from archlint.report.outcome import Outcome, Reported

SCHEMA = "archlint-report/1"


class JsonReporter:
    """The whole outcome as one JSON object."""

    name = "json"

    def render(self, outcome: Outcome, *, color: bool) -> str:  # noqa: ARG002 - for machines
        """Return the report; keys keep their order, so equal outcomes give equal bytes."""
        return json.dumps(as_dict(outcome), indent=1, allow_nan=False) + "\n"


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as plain data."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "findings": [_finding(item) for item in outcome.findings],
        "files": [
            {"path": file.path, "status": file.status.value, "reason": file.reason}
            for file in outcome.files
        ],
        "summary": {
            **{
                severity.value: outcome.count(severity)
                for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO)
            },
            "suppressed": len(outcome.suppressed),
            "baseline": len(outcome.baseline),
        },
    }


def _finding(item: Reported) -> dict[str, Any]:
    finding, span = item.finding, item.span
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
        "path": item.path,
        "line": span and span.start_line,
        "column": span and span.start_column,
        "end_line": span and span.end_line,
        "end_column": span and span.end_column,
        "node": finding.place.node,
        "tensor": finding.place.tensor,
        "data": {str(key): plain(value) for key, value in finding.data.items()},
        "help": finding.help,
        "fix": None if finding.fix is None else _fix(finding.fix),
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "message": fix.message,
        "safe": fix.safe,
        "edits": [{"place": _place(edit.place), "text": edit.text} for edit in fix.edits],
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "node": place.node,
        "tensor": place.tensor,
        "path": None if place.path is None else list(place.path),
        "key": place.key,
    }


def plain(value: object) -> Any:  # noqa: ANN401 - JSON is what it is
    """Return `value` as JSON types: NumPy scalars as numbers, infinities as text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # not inf, not nan
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    as_list = getattr(value, "tolist", None)  # arrays and numbers of NumPy have it
    return plain(as_list()) if callable(as_list) else str(value)
