"""The human-readable report: a greppable line per finding, its code frame, and the help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.findings import Severity
from archlint.report.outcome import Status
from archlint.report.terminal import Paint, frame, visible

if TYPE_CHECKING:
    from archlint.report.outcome import Outcome, Reported


class TextReporter:
    """One paragraph per finding; `short` writes only the first line of each."""

    name = "text"

    def __init__(self, *, short: bool = False) -> None:
        self._short = short

    def render(self, outcome: Outcome, *, color: bool) -> str:
        """Return the findings, a blank line between those with a frame."""
        paint = Paint(color=color)
        texts = outcome.texts
        blocks = [self._block(item, texts.get(item.path), paint) for item in outcome.findings]
        joined = ("\n" if self._short else "\n\n").join("\n".join(block) for block in blocks)
        return f"{joined}\n" if joined else ""

    def _block(self, item: Reported, text: str | None, paint: Paint) -> list[str]:
        lines = [_head(item, paint)]
        if self._short:
            return lines
        finding, span = item.finding, item.span
        margin = "  "
        if span is not None and text is not None:
            lines += frame(text, span, finding.severity.value, paint)
            margin = " " * (len(str(span.start_line)) + 1)
        elif item.subject:
            lines.append(f"{margin}{paint('dim', '=')} {visible(item.subject)}")
        if finding.help:
            lines.append(f"{margin}{paint('dim', '=')} help: {visible(finding.help)}")
        return lines


def _head(item: Reported, paint: Paint) -> str:
    """Return `path:line:col: severity[CODE] name: message`; binary files have no position."""
    finding, span = item.finding, item.span
    place = visible(item.path)
    if span is not None:
        place += f":{span.start_line}:{span.start_column}"
    kind = paint(finding.severity.value, f"{finding.severity.value}[{finding.code}]")
    return f"{paint('bold', place)}: {kind} {finding.name}: {visible(finding.message)}"


def footer(outcome: Outcome, *, offers_fixes: bool = True) -> str:
    """Return the counts of a run in one line: found, fixable, suppressed, in the baseline.

    After `--fix`, the remaining fixes are not counted: they would change other layers too.
    """
    found = [
        counted(outcome.count(severity), severity.value)
        for severity in (Severity.ERROR, Severity.WARNING)
        if outcome.count(severity)
    ]
    if outcome.count(Severity.INFO):
        found.append(f"{outcome.count(Severity.INFO)} info")
    aside = [
        f"{count} {what}"
        for count, what in (
            (outcome.fixable if offers_fixes else 0, "fixable with --fix"),
            (len(outcome.suppressed), "suppressed"),
            (len(outcome.baseline), "in the baseline"),
        )
        if count
    ]
    checked = [file for file in outcome.files if file.status is not Status.SKIPPED]
    where = counted(len(checked), "file")
    head = f"found {', '.join(found)} in {where}" if found else f"nothing found in {where}"
    return f"{head} ({', '.join(aside)})" if aside else head


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 file", "2 files"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
