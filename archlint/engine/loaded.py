"""A file that was loaded: its model, its text, and the problems found on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.engine.locate import locate, subject
from archlint.engine.suppression import Suppression, properties
from archlint.report.outcome import Reported

if TYPE_CHECKING:
    from archlint.findings import Finding
    from archlint.frontends.architecture import Architecture
    from archlint.model import Model
    from archlint.sources.problem import Problem


class LoadedFile(Struct, frozen=True, eq=False):
    """A model with what reports need of its file; `architecture` is None for a binary one."""

    shown: str
    model: Model
    problems: tuple[Problem, ...] = ()
    architecture: Architecture | None = None

    @property
    def text(self) -> str | None:
        """The source of a text file."""
        return None if self.architecture is None else self.architecture.document.text.text

    def report(self, finding: Finding) -> Reported:
        """Return a finding with its line and column, or with a line about its node."""
        graph = self.model.graph
        if self.architecture is None:
            return Reported(self.shown, finding, None, subject(finding.place, graph))
        return Reported(self.shown, finding, locate(finding.place, self.architecture, graph))

    def path_of_dimension(self, name: str) -> tuple[str, ...] | None:
        """Return the path where the file itself binds a dimension; None where it does not."""
        if self.architecture is None:
            return None
        paths = (("target", key, name) for key in ("dims", "dim"))
        return next((path for path in paths if self.architecture.document.find(path)), None)

    def suppressions(self) -> list[Suppression]:
        """Return the suppressions in the file."""
        if self.architecture is None:
            return properties(self.model.graph)
        from archlint.engine.comment import comments

        return comments(self.architecture.document)


def reported(shown: str, problem: Problem) -> Reported:
    """Return a problem of a file as a finding."""
    from archlint.findings import WHOLE_FILE, Finding, Place

    place = WHOLE_FILE if problem.tensor is None else Place(tensor=problem.tensor)
    data = {} if problem.offset is None else {"offset": problem.offset}
    finding = Finding(
        problem.code,
        problem.name,
        problem.severity,
        problem.message,
        place,
        data,
        problem.help,
    )
    return Reported(shown, finding, problem.span)
