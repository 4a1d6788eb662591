"""Path patterns as in .gitignore: `*.onnx`, `models/**`, `**/old/*.arch.yaml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from pathlib import Path, PurePath


class Pattern(Struct, frozen=True):
    """A pattern, as written, and the folder that it is relative to."""

    root: Path
    written: str

    def __str__(self) -> str:
        """Return the pattern as written."""
        return self.written

    def matches(self, file: Path) -> bool:
        """Whether the pattern matches `file`; outside of its folder, the whole path is matched."""
        path, root = file.resolve(), self.root.resolve()
        inside = path.relative_to(root) if path.is_relative_to(root) else path
        return path_matches(inside, self.written)


def path_matches(path: PurePath, pattern: str) -> bool:
    """Whether a relative `path` matches `pattern`.

    A pattern without a slash matches a file or folder of that name at any depth; one with a slash
    is anchored at the top. A pattern that matches a folder matches everything in it. `*` and `?`
    do not match slashes, `**` does. A backslash counts as a slash, for Windows.
    """
    pattern = pattern.replace("\\", "/")
    anchored = "/" in pattern.rstrip("/")
    written = pattern.rstrip("/").removeprefix("./").removeprefix("/")
    top = "" if anchored else "(?:.*/)?"
    return re.fullmatch(f"{top}{_regex(written)}(?:/.*)?", path.as_posix()) is not None


def _regex(pattern: str) -> str:
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(pieces.get(word, re.escape(word)) for word in words)
