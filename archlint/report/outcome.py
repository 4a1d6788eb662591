"""The outcome of a run: findings with lines and columns, the status of files, counts."""

from __future__ import annotations

import enum
import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.findings import Finding, Severity
    from archlint.rule import Rule
    from archlint.sources.span import Span

_DIGITS = re.compile(r"([0-9]+)")


class Reported(Struct, frozen=True):
    """A finding with the file that it is in.

    `span` is None where the file has no lines. `subject` is the node with its shapes, in one line,
    for files without lines; empty where the finding is not about a node.
    """

    path: str
    finding: Finding
    span: Span | None = None
    subject: str = ""

    @property
    def order(self) -> tuple[object, ...]:
        """The order of a report: by path, line, column, code, message.

        Digits in a message are compared as numbers, so that layer 2 comes before layer 10.
        """
        span, finding = self.span, self.finding
        line, column = (span.start_line, span.start_column) if span else (0, 0)
        return (self.path, line, column, finding.code, _natural(finding.message), finding.message)


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts digits as numbers of any length."""
    parts = _DIGITS.split(text)
    numbers = (part.lstrip("0") for part in parts[1::2])
    return tuple(
        pair
        for word, number in zip_longest(parts[::2], numbers, fillvalue="")
        for pair in ((0, word), (len(number), number))
    )


class Status(enum.StrEnum):
    """What happened to a file."""

    CHECKED = "checked"
    SKIPPED = "skipped"
    UNREADABLE = "unreadable"


class FileOutcome(Struct, frozen=True):
    """What happened to one file, and why if it was not checked.

    `text` is the source of a text file that has findings, for code frames.
    """

    path: str
    status: Status
    reason: str | None = None
    text: str | None = None


class Crash(Struct, frozen=True):
    """A bug that a run survived: `where` it was, the exception, and its traceback."""

    path: str
    where: str
    exception: str
    traceback: str


class Outcome(Struct, frozen=True):
    """The complete result of a run, in order.

    `rules` are all known rules, including those that did not run. `recordable` are the findings
    that a new baseline would contain.
    """

    findings: tuple[Reported, ...]
    files: tuple[FileOutcome, ...]
    suppressed: tuple[Reported, ...] = ()
    baseline: tuple[Reported, ...] = ()
    crashes: tuple[Crash, ...] = ()
    rules: tuple[Rule, ...] = ()
    recordable: tuple[Reported, ...] = ()

    def count(self, severity: Severity) -> int:
        """Return the number of findings of exactly this severity."""
        return sum(item.finding.severity is severity for item in self.findings)

    @property
    def fixable(self) -> int:
        """The number of findings that carry a safe fix, in files with lines to change."""
        fixes = (item.finding.fix for item in self.findings if item.span is not None)
        return sum(fix is not None and fix.safe for fix in fixes)

    @property
    def texts(self) -> Mapping[str, str]:
        """The source of the text files in which something was found."""
        return {file.path: file.text for file in self.files if file.text is not None}

    def without_info(self) -> Outcome:
        """Return the outcome without hints about models, for reports to people.

        What the user got wrong in flags or comments (LINT) stays.
        """
        loud = (
            item
            for item in self.findings
            if item.finding.severity.rank or item.finding.code.startswith("LINT")
        )
        return replace(self, findings=tuple(loud))

    def exit_code(self, fail_on: Severity) -> int:
        """Return 2 after a crash, 1 for findings at or above `fail_on`, else 0."""
        if self.crashes:
            return 2
        return int(any(item.finding.severity.rank >= fail_on.rank for item in self.findings))
