"""Annotations on a pull request: workflow commands of GitHub Actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.findings import Severity

if TYPE_CHECKING:
    from archlint.report.outcome import Outcome, Reported

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


class GithubReporter:
    """One workflow command per finding."""

    name = "github"

    def render(self, outcome: Outcome, *, color: bool) -> str:  # noqa: ARG002 - for machines
        """Return one line per finding."""
        return "".join(f"{_command(item)}\n" for item in outcome.findings)


def _command(item: Reported) -> str:
    finding, span = item.finding, item.span
    properties = {"title": f"{finding.code} {finding.name}", "file": item.path}
    if span is not None:
        properties |= {
            "line": str(span.start_line),
            "col": str(span.start_column),
            "endLine": str(span.end_line),
            "endColumn": str(span.end_column),
        }
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    text = finding.message if not item.subject else f"{finding.message}\n{item.subject}"
    if finding.help:
        text += f"\nhelp: {finding.help}"
    return f"::{_COMMANDS[finding.severity]} {given}::{_message(text)}"


def _message(text: str) -> str:
    """Escape a message: a line break would end the command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property: colons and commas separate properties."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")
