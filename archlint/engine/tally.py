"""Collects what a run finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from archlint.engine.own_rules import InternalError
from archlint.errors import interrupted
from archlint.report.outcome import Crash, Reported

if TYPE_CHECKING:
    from archlint.report.outcome import FileOutcome


class Tally(Struct):
    """Findings and files, collected during a run.

    A baseline can cover `findings`, but not `final`: unreadable files, bugs, and suppressions that
    suppress nothing. `ran` has the codes that ran, by path.
    """

    findings: list[Reported] = field(default_factory=list)
    final: list[Reported] = field(default_factory=list)
    suppressed: list[Reported] = field(default_factory=list)
    files: list[FileOutcome] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    ran: dict[str, frozenset[str]] = field(default_factory=dict)

    def crash(self, path: str, where: str, error: Exception) -> None:
        """Record a bug; it is also a finding, so that no report hides it.

        Raises `KeyboardInterrupt` where the error is the user's request to end the run.
        """
        import traceback

        if interrupted(error):
            raise KeyboardInterrupt from error

        shown = f"{type(error).__name__}: {error}"
        text = "".join(traceback.format_exception(error))
        self.crashes.append(Crash(path, where, shown, text))
        finding = InternalError().finding(f"{where} failed: {shown}", help="--verbose shows where")
        self.final.append(Reported(path, finding))
