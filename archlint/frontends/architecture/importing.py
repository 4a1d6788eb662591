"""Imports other architecture files of the same folder as blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.frontends.architecture.block import Block
from archlint.frontends.architecture.file import File, read_blocks, read_defaults, read_file
from archlint.frontends.architecture.problems import Problems
from archlint.frontends.architecture.scope import INPUT
from archlint.frontends.architecture.value import Invalid, node_word
from archlint.sources.problem import Unreadable
from archlint.sources.yaml_document import read_yaml
from archlint.sources.yaml_node import Mapping

if TYPE_CHECKING:
    from pathlib import Path

    from archlint.sources.span import Span
    from archlint.sources.yaml_node import Entry, Node

_MOST_IMPORTS = 100


class ImportedProblems(Problems):
    """Problems of an imported file, reported where the main file imports it."""

    def __init__(self, outer: Problems, name: str, place: Span) -> None:
        super().__init__()
        self._outer = outer
        self._name = name
        self._place = place

    def __len__(self) -> int:
        return len(self._outer)

    def add(
        self,
        span: Span | None,
        message: str,
        help: str = "",
    ) -> None:
        """Record a problem at the import, with its place in the imported file."""
        line = "" if span is None else f":{span.start_line}:{span.start_column}"
        self._outer.add(self._place, f"{self._name}{line}: {message}", help)


class Importer:
    """Reads files with what they import; each file is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._open: list[Path] = []
        self._count = 0

    def complete(self, file: File) -> None:
        """Read the imports, blocks and defaults of a file; collects problems."""
        inside = file.section("imports")
        if inside is not None and not isinstance(inside, Mapping):
            file.problems.add(
                file.sections["imports"].span,
                "imports are a mapping of names to files",
                "write encoder: file.arch.yaml",
            )
        for entry in inside.merged() if isinstance(inside, Mapping) else ():
            try:
                self._import(entry, file)
            except Invalid as invalid:
                file.problems.add_invalid(invalid)
        read_blocks(file)
        read_defaults(file)

    def _import(self, entry: Entry, file: File) -> None:
        name = entry.key.text
        if file.is_layer(name):
            raise Invalid(entry.key.span, f"{name} is the name of a layer", "choose another name")
        path = self._path(entry.value)
        self._count += 1
        if path in self._open:
            raise Invalid(entry.value.span, f"{path.name} imports itself")
        if self._count > _MOST_IMPORTS:
            raise Invalid(entry.value.span, f"more than {_MOST_IMPORTS} imports")
        imported = self._read(path, entry.value.span, file)
        for block in imported.blocks.values():
            file.blocks[f"{name}.{block.name}"] = block
        if "layers" in imported.sections:
            file.blocks[name] = _as_block(name, imported)

    def _path(self, node: Node) -> Path:
        """Return the path of an imported file, which must be in the same folder."""
        name = node_word(node, "an import")
        path = self._folder / name
        if name in {".", ".."} or path.name != name or path.resolve().parent != self._folder:
            raise Invalid(node.span, f"{name!r} is not the name of a file in the same folder")
        if not path.is_file():
            raise Invalid(node.span, f"there is no file {name!r} in this folder")
        return path.resolve()

    def _read(self, path: Path, place: Span, file: File) -> File:
        problems = ImportedProblems(file.problems, path.name, place)
        try:
            document = read_yaml(path)
        except (OSError, Unreadable) as error:
            raise Invalid(place, f"{path.name} cannot be read: {error}") from error
        for problem in document.problems:
            if problem.severity.rank > 0:
                problems.add(problem.span, problem.message, problem.help)
        imported = read_file(document, problems)
        self._open.append(path)
        self.complete(imported)
        self._open.pop()
        return imported


def _as_block(name: str, file: File) -> Block:
    """Return a whole file as a block with the file's inputs and parameters."""
    inside = file.section("inputs")
    names = [entry.key.text for entry in inside.merged()] if isinstance(inside, Mapping) else []
    return Block(
        name=name,
        parameters=file.names,
        required=file.required,
        inputs=tuple(names) or (INPUT,),
        layers=file.sections["layers"],
        path=("layers",),
        output=_first_output(file),
        file=file,
    )


def _first_output(file: File) -> Node | None:
    inside = file.section("outputs")
    if isinstance(inside, Mapping):
        return inside.entries[0].value if inside.entries else None
    items = getattr(inside, "items", None)
    return items[0] if items else file.sections.get("outputs")
