"""Collects what a run finds."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from archlint.engine.own_rules import InternalError
from archlint.errors import interrupted
from archlint.record import record
from archlint.report.outcome import Crash, Reported

if TYPE_CHECKING:
    from archlint.report.outcome import FileOutcome


@record(frozen=False)
class Tally:
    """Findings and files as they come.

    `findings` are those that a baseline can cover, `final` those that none can: unreadable files,
    bugs, suppressions that suppress nothing. `ran` has the codes that ran by path.
    """

    findings: list[Reported] = field(default_factory=list)
    final: list[Reported] = field(default_factory=list)
    suppressed: list[Reported] = field(default_factory=list)
    files: list[FileOutcome] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    ran: dict[str, frozenset[str]] = field(default_factory=dict)

    def crash(self, path: str, where: str, error: Exception) -> None:
        """Note a bug, which is a finding too, so that no report hides it.

        Raises `KeyboardInterrupt` where the error is no bug, but the user's wish to end the run.
        """
        import traceback

        if interrupted(error):
            raise KeyboardInterrupt from error

        shown = f"{type(error).__name__}: {error}"
        text = "".join(traceback.format_exception(error))
        self.crashes.append(Crash(path, where, shown, text))
        finding = InternalError().finding(f"{where} failed: {shown}", help="--verbose shows where")
        self.final.append(Reported(path, finding))
