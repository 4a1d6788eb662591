"""Positional reads of a file's bytes, on every operating system."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Self

from archlint.sources.problem import unreadable

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from archlint.sources.problem import Unreadable

_SHRUNK = "the file became shorter while it was being read"


class ByteFile:
    """A regular file, open for reading by position; `size` is its length in bytes.

    Reads are plain calls, not a memory map: a mapped file that shrinks kills the process, a read
    comes back short and becomes an error.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file that the user named; raises Unreadable."""
        try:
            file = open(path, "rb", buffering=0, opener=_open_at_once)  # noqa: SIM115 - Path.open takes no opener
        except IsADirectoryError:
            raise unreadable("it is a folder, not a file") from None
        except OSError as error:
            raise unreadable(f"it cannot be opened: {error.strerror or error}") from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise unreadable("it is a pipe or a device, not a file")
        return cls(file)

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset`; raises Unreadable where the file is shorter."""
        pieces = []
        while count > 0:
            piece = self._read_some(offset, count)
            if not piece:
                raise unreadable(_SHRUNK, offset=offset)
            pieces.append(piece)
            offset += len(piece)
            count -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, view: memoryview, offset: int) -> None:
        """Fill `view` with the bytes from `offset`; raises Unreadable where the file is shorter."""
        filled = 0
        while filled < len(view):
            count = self._read_some_into(view[filled:], offset + filled)
            if not count:
                raise unreadable(_SHRUNK, offset=offset + filled)
            filled += count

    def _read_some_into(self, view: memoryview, offset: int) -> int:
        try:
            if hasattr(os, "preadv"):
                return os.preadv(self._file.fileno(), [view], offset)
            self._file.seek(offset)  # Windows
            return self._file.readinto(view) or 0
        except OSError as error:
            raise _cannot_be_read(error, offset) from error

    def _read_some(self, offset: int, count: int) -> bytes:
        try:
            if hasattr(os, "pread"):
                return os.pread(self._file.fileno(), count, offset)
            self._file.seek(offset)  # Windows
            return self._file.read(count) or b""
        except OSError as error:
            raise _cannot_be_read(error, offset) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cannot_be_read(error: OSError, offset: int) -> Unreadable:
    """Return an OSError as a problem of the file."""
    return unreadable(f"it cannot be read: {error.strerror or error}", offset=offset)


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting, so that a pipe without a writer cannot block the run."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
