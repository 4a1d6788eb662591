"""Loads one file for `archlint inspect`: its model, or the reason why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.engine.discover import Candidate, discover
from archlint.engine.load import NotOurs, is_yaml, load
from archlint.engine.loaded import reported
from archlint.errors import CannotRun
from archlint.report.outcome import FileOutcome, Outcome, Status
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from archlint.engine.loaded import LoadedFile
    from archlint.engine.project import Project
    from archlint.sources.problem import Problem
    from archlint.target import Target


def open_model(path: Path, project: Project) -> LoadedFile | Outcome:
    """Return the loaded file, or an outcome with the problems that prevent loading it.

    Raises `CannotRun` for a folder, a missing path, and a file that is not archlint's to read.
    """
    candidate = one_file(path)
    try:
        return load(candidate, project)
    except NotOurs as reason:
        raise CannotRun(f"{path}: {reason}") from reason
    except Unreadable as error:
        return refusal(candidate, error)


def target_of(path: Path, project: Project) -> Target:
    """Return the target of a file, including an architecture's own section, or of a folder.

    Raises `CannotRun` for an architecture that cannot be read.
    """
    if not is_yaml(path):
        return project.target(path)
    try:
        return load(one_file(path), project).model.target
    except NotOurs:
        return project.target(path)
    except Unreadable as error:
        lines = [f"{path}{_place(problem)}: {problem.message}" for problem in error.problems]
        raise CannotRun("\n".join(lines)) from error


def _place(problem: Problem) -> str:
    span = problem.span
    return "" if span is None else f":{span.start_line}:{span.start_column}"


def one_file(path: Path) -> Candidate:
    """Return the file at `path`; raises `CannotRun` where there is none, or a folder."""
    if path.is_dir():
        raise CannotRun(f"{path}: name one file, not a folder")
    (candidate,) = discover([path])
    return candidate


def refusal(candidate: Candidate, error: Unreadable) -> Outcome:
    """Return the outcome of a file that cannot be read."""
    items = tuple(reported(candidate.shown, problem) for problem in error.problems)
    text = source_text(candidate, error)
    return Outcome(items, (FileOutcome(candidate.shown, Status.UNREADABLE, str(error), text),))


def source_text(candidate: Candidate, error: Unreadable) -> str | None:
    """Return the text of a file for code frames, even if it is invalid; None for binary files."""
    if not any(problem.span for problem in error.problems):
        return None
    return candidate.path.read_bytes().decode("utf-8-sig", errors="replace")
