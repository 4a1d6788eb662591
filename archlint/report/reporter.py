"""The interface of a reporter, which turns the outcome of a run into text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from archlint.report.outcome import Outcome


@runtime_checkable
class Reporter(Protocol):
    """One format of a report; `name` is what `--format` takes."""

    @property
    def name(self) -> str:
        """The word for `--format`."""

    def render(self, outcome: Outcome, *, color: bool) -> str:
        """Return the whole report, with a newline at its end unless it is empty.

        `color` allows terminal escapes; a format for machines ignores it.
        """
