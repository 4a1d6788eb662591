"""Applies the safe fixes of findings to the text of files."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.engine.load import load
from archlint.engine.locate import DocumentPath, noted, path_of_node
from archlint.engine.splice import Splice, set_beside
from archlint.engine.whole_file import write_whole
from archlint.frontends.properties import INITIALIZER, PATH
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import TypeAlias

    from archlint.engine.discover import Candidate
    from archlint.engine.loaded import LoadedFile
    from archlint.engine.project import Project
    from archlint.findings import Fix
    from archlint.graph.graph import Graph
    from archlint.report.outcome import Outcome
    from archlint.sources.yaml_document import YamlDocument

    Where: TypeAlias = tuple[DocumentPath, str]
    """A layer, and the word beside it that is written, such as `init`."""

    Drawn: TypeAlias = Mapping[str, tuple[DocumentPath, str]]
    """The layer and the initializer of each weight, by the name of the weight."""


class FixedFile(Struct, frozen=True):
    """A file before and after its safe fixes, of which `count` could be applied."""

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


def fix_files(
    outcome: Outcome, candidates: Iterable[Candidate], project: Project
) -> list[FixedFile]:
    """Return the files of a run with their safe fixes applied, without writing them."""
    fixes: dict[str, list[Fix]] = {}
    for item in outcome.findings:
        fix = item.finding.fix
        if fix is not None and fix.safe:
            fixes.setdefault(item.path, []).append(fix)
    fixed = (
        _fix_file(load(candidate, project), candidate, fixes[candidate.shown])
        for candidate in candidates
        if candidate.shown in fixes
    )
    return [file for file in fixed if file is not None]


def _fix_file(loaded: LoadedFile, candidate: Candidate, fixes: Iterable[Fix]) -> FixedFile | None:
    """Apply each fix completely or not at all: one of its changes alone may do harm."""
    if loaded.architecture is None:
        return None
    document = loaded.architecture.document
    before = after = document.text.text
    drawn = _drawn(before, candidate.path.parent)
    made: dict[Splice, Where] = {}
    for fix in fixes:
        changes = _changes(fix, document, loaded.model.graph)
        together = {**made, **(changes or {})}
        if drawn is None or not changes or not _fit(together):
            continue
        tried = before
        for splice in sorted(together, reverse=True):
            tried = splice.applied(tried)
        then = _drawn(tried, candidate.path.parent)
        if then is not None and _are_meant(drawn, then, set(together.values())):
            after, made = tried, together
    if not made:
        return None
    mark = document.text.byte_order_mark
    return FixedFile(candidate.path, candidate.shown, before, after, len(made), mark)


def _changes(fix: Fix, document: YamlDocument, graph: Graph) -> dict[Splice, Where] | None:
    """Return the text changes of a fix, each with its place; None where it cannot be applied."""
    found: dict[Splice, Where] = {}
    for edit in fix.edits:
        path, key = path_of_node(edit.place, graph), edit.place.key
        splice = None if not path or key is None else set_beside(document, path, key, edit.text)
        if splice is None or key is None:
            return None
        found[splice] = path, key
    return found


def _fit(splices: Iterable[Splice]) -> bool:
    """Whether no two changes overlap."""
    order = sorted(splices)
    return all(one.end <= two.start for one, two in pairwise(order))


def _drawn(text: str, folder: Path) -> Drawn | None:
    """Return the layer and the initializer of each weight; None for other files."""
    from archlint.frontends.architecture import compile_architecture
    from archlint.sources.yaml_document import parse_yaml

    try:
        model = compile_architecture(parse_yaml(text.encode("utf-8")), folder).model
    except Unreadable:
        return None
    found = {}
    for tensor in model.graph.initializer:
        facts = {entry.key: entry.value for entry in tensor.metadata_props}
        found[tensor.name] = noted(facts.get(PATH)), facts.get(INITIALIZER, "")
    return found


def _are_meant(before: Drawn, after: Drawn, places: Iterable[Where]) -> bool:
    """Whether changes affect exactly the weights, or the biases, that they are meant for."""
    if before.keys() != after.keys():
        return False
    changed = [name for name in before if before[name] != after[name]]
    return all(any(_speaks(place, name, before[name][0]) for place in places) for name in changed)


def _speaks(place: Where, name: str, path: DocumentPath) -> bool:
    """Whether a key beside a layer, such as `init.out_proj`, applies to a weight of the layer."""
    layer, key = place
    word, _, part = key.partition(".")
    is_bias = "bias" in name.rpartition(".")[2]
    is_named = not part or f".{part}." in f".{name}"
    return layer == path and is_bias == (word == "bias_init") and is_named
