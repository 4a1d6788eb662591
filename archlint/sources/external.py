"""Guards access to the external data files that a model names.

A model is untrusted input, and so are the file names in it: only a regular file inside the model's
own folder, reached without any link, is ever opened. Known attacks: CVE-2022-25882,
CVE-2024-27318, CVE-2026-27489, CVE-2026-34446, CVE-2026-34447.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from archlint.sources.byte_file import ByteFile

if TYPE_CHECKING:
    from pathlib import Path

_DRIVE = r"[A-Za-z]:"
_DEVICE = r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)"
_NAME_SURROGATE = 0x2000_0000  # Windows marks junctions and the like by this bit


class Refused(Exception):
    """Raised for a path that is not opened; `link` means that a link is the only reason."""

    def __init__(self, reason: str, *, link: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.link = link


def external_stat(folder: Path, location: str) -> os.stat_result:
    """Return the stat result of an external file, without opening it.

    Raises Refused, and FileNotFoundError where there is no file.
    """
    *folders, name = _steps(location)
    for step in folders:
        folder /= step
        status = _status(folder)
        if not stat.S_ISDIR(status.st_mode):
            raise Refused("a part of its path is not a folder")
    status = _status(folder / name)
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise Refused(f"it is {kind}, not a file")
    if status.st_nlink > 1:
        raise Refused("it is a hard link: the same file has another name elsewhere", link=True)
    return status


def open_external(folder: Path, location: str) -> ByteFile:
    """Open an external file for reading; raises Refused, FileNotFoundError or OSError.

    After opening, the file is compared with the one that was checked, so that replacing it in
    between has no effect. This does not protect against an attacker who can replace folders at
    the same time.
    """
    expected = external_stat(folder, location)
    path = folder.joinpath(*_steps(location))
    file = open(path, "rb", buffering=0, opener=_open_itself)  # noqa: SIM115 - returned, the caller closes it
    status = os.fstat(file.fileno())
    if not os.path.samestat(status, expected) or not stat.S_ISREG(status.st_mode):
        file.close()
        raise Refused("it was replaced while it was being opened")
    return ByteFile(file)


def _steps(location: str) -> list[str]:
    """Split a location into the names of folders and file; raises Refused."""
    if not location:
        raise Refused("it has no name")
    if "\0" in location or "\\" in location:
        raise Refused("its name has a character that no path in a model may have")
    if location.startswith("/") or re.match(_DRIVE, location):
        raise Refused("it is an absolute path; only files next to the model are read")
    if location.startswith("#"):
        raise Refused("it names no file")
    steps = [step for step in location.split("/") if step not in {"", "."}]
    if not steps or location.endswith("/"):
        raise Refused("it names a folder")
    if ".." in steps:
        raise Refused("it leads out of the model's folder")
    if os.name == "nt" and any(":" in step or re.match(_DEVICE, step) for step in steps):
        raise Refused("it names a device")
    return steps


def _status(path: Path) -> os.stat_result:
    """Return the status of one path component, without following a link."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Refused("its name is not valid on this system") from error
    names_another = getattr(status, "st_reparse_tag", 0) & _NAME_SURROGATE
    if stat.S_ISLNK(status.st_mode) or names_another:
        raise Refused("it is a symbolic link, or lies behind one", link=True)
    return status


def _open_itself(path: str, flags: int) -> int:
    """Open without following a link and without blocking on a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
