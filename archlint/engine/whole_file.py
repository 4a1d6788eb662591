"""Writes files atomically: readers see the old contents or the new, never a part."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archlint.errors import CannotRun

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`; it keeps its permissions.

    If it is a link, the file that it leads to is replaced. What is not a regular file, such as a
    pipe or `/dev/null`, is written to instead of replaced. Raises `CannotRun`.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content)
    except OSError as error:
        raise CannotRun(f"{path}: cannot be written: {error.strerror or error}") from error


def _replace(path: Path, content: bytes) -> None:
    # The process id keeps temporary files of concurrent runs apart.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(content)
        if path.exists():
            temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
