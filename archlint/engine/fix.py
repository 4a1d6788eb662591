"""Mending files: the safe fixes of findings, spliced into the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.engine.load import load
from archlint.engine.locate import path_of_node
from archlint.engine.splice import Splice, set_beside
from archlint.engine.whole_file import write_whole
from archlint.record import record
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from archlint.engine.discover import Candidate
    from archlint.engine.loaded import LoadedFile
    from archlint.engine.project import Project
    from archlint.findings import Edit
    from archlint.report.outcome import Outcome
    from archlint.sources.yaml_document import YamlDocument


@record
class Mended:
    """A file before and after its safe fixes; `count` of them could be made."""

    path: Path
    shown: str
    before: str
    after: str
    count: int
    byte_order_mark: bool

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        from difflib import unified_diff

        lines = unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            self.shown,
            self.shown,
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> None:
        """Replace the file; raises `CannotRun`."""
        mark = "\ufeff" if self.byte_order_mark else ""
        write_whole(self.path, (mark + self.after).encode("utf-8"))


def mend(outcome: Outcome, candidates: Iterable[Candidate], project: Project) -> list[Mended]:
    """Return what the safe fixes of a run would make of its files, without writing them."""
    edits: dict[str, list[Edit]] = {}
    for item in outcome.findings:
        fix = item.finding.fix
        if fix is not None and fix.safe:
            edits.setdefault(item.path, []).extend(fix.edits)
    mended = (
        _mend_file(load(candidate, project), candidate, edits[candidate.shown])
        for candidate in candidates
        if candidate.shown in edits
    )
    return [file for file in mended if file is not None]


def _mend_file(loaded: LoadedFile, candidate: Candidate, edits: Sequence[Edit]) -> Mended | None:
    if loaded.architecture is None:
        return None
    document = loaded.architecture.document
    before = after = document.text.text
    count = 0
    for splice in _splices(loaded, document, edits):
        tried = splice.applied(after)
        if _compiles(tried, candidate.path.parent):
            after, count = tried, count + 1
    if not count:
        return None
    mark = document.text.byte_order_mark
    return Mended(candidate.path, candidate.shown, before, after, count, mark)


def _splices(loaded: LoadedFile, document: YamlDocument, edits: Sequence[Edit]) -> list[Splice]:
    """Return the changes from the end of the file to its start, none of them across another."""
    graph = loaded.model.graph
    found = set()
    for edit in edits:
        path = path_of_node(edit.place, graph)
        if path and edit.place.key is not None:
            splice = set_beside(document, path, edit.place.key, edit.text)
            if splice is not None:
                found.add(splice)
    chosen: list[Splice] = []
    for splice in sorted(found, reverse=True):
        if not chosen or splice.end <= chosen[-1].start:
            chosen.append(splice)
    return chosen


def _compiles(text: str, folder: Path) -> bool:
    """Whether a changed file still means something."""
    from archlint.frontends.architecture import compile_architecture
    from archlint.sources.yaml_document import parse_yaml

    try:
        compile_architecture(parse_yaml(text.encode("utf-8")), folder)
    except Unreadable:
        return False
    return True
