"""Expands the paths of the command line to model files."""

from __future__ import annotations

import os
from glob import glob, has_magic
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.errors import CannotRun, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = (".onnx", ".yaml", ".yml")

# Folders with third-party files; hidden folders are skipped too.
_FOREIGN = {"node_modules", "__pycache__", "site-packages"}
_LISTED = 1000  # files that a missing path is compared with for a suggestion


class Candidate(Struct, frozen=True):
    """A file that may be a model; `named` where the user gave this path explicitly."""

    path: Path
    named: bool

    @property
    def shown(self) -> str:
        """The path for reports, with forward slashes."""
        return self.path.as_posix()


def discover(paths: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> list[Candidate]:
    """Return the files that `paths` name and those that their folders hold, each once, in order.

    A file that is reached by several paths is reported under the first; a link counts as a file of
    its own. Raises `CannotRun` for a path that does not exist, and for a pattern without matches.
    """
    found: dict[str, Candidate] = {}
    for path in _expanded(paths):
        if path.is_dir():
            for file in _walk(path, suffixes):
                found.setdefault(_place(file), Candidate(file, named=False))
        elif os.path.lexists(path):
            first = found.get(_place(path))
            found[_place(path)] = Candidate(first.path if first else path, named=True)
        else:
            raise missing(path)
    return sorted(found.values(), key=lambda candidate: candidate.shown)


def _place(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links


def missing(path: Path) -> CannotRun:
    """Return the error for a path that does not exist, suggesting a similar name."""
    if str(path) == "-":
        return CannotRun("-: standard input is not supported: name a file")
    try:
        # Names that only end alike, as all models do, are not similar.
        listed = islice(path.parent.iterdir(), _LISTED)
        beside = [str(each) for each in listed if did_you_mean(path.stem, [each.stem])]
    except OSError:
        beside = []
    return CannotRun(f"{path}: no such file or folder{did_you_mean(str(path), beside)}")


def _expanded(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths with patterns expanded, which shells on Windows do not do."""
    for path in paths:
        if os.path.lexists(path) or not has_magic(str(path)):
            yield path
            continue
        matches = sorted(glob(str(path), recursive=True))  # noqa: PTH207 - those of a Path are relative
        if not matches:
            raise CannotRun(f"{path}: no file or folder matches")
        yield from map(Path, matches)


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files below `folder` with these suffixes; links to folders are not followed."""
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _FOREIGN
        )
        for name in sorted(files):
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield Path(parent, name)


def _refuse(error: OSError) -> None:
    raise CannotRun(f"{error.filename}: cannot be listed: {error.strerror}") from error
