"""A window on a file, which moves forward with the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.sources.byte_file import ByteFile

_SMALLEST = 8 * 1024
_LARGEST = 512 * 1024
_PADDING = b"\x00\x00"


class Window:
    """The bytes of a file around the current read position.

    `buffer` holds the bytes from `start` on. At a position up to `safe`, the next `reach` bytes
    (or all that are left of the file) are in the buffer. Windows grow while the file is read in
    order, and start small again after a jump over a payload.
    """

    def __init__(self, file: ByteFile, reach: int) -> None:
        self._file = file
        self._reach = reach
        self._smallest = max(_SMALLEST, 2 * reach)
        self._step = self._smallest
        self.buffer = b""
        self.start = 0
        self.safe = -1

    def move(self, position: int) -> None:
        """Make the bytes from `position` on available."""
        if self.start <= position <= self.safe:
            return
        if self.safe >= 0:
            in_order = self.start <= position <= self.start + len(self.buffer)
            self._step = min(2 * self._step, _LARGEST) if in_order else self._smallest
        count = min(max(self._step, self._smallest), self._file.size - position)
        self.buffer = self._file.read(position, count) if count else b""
        self.start = position
        end = position + count
        self.safe = end - self._reach
        if end == self._file.size:
            self.safe = end
            self.buffer += _PADDING

    def copy(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, from the buffer where they are in it."""
        if self.start <= start and end <= self.start + len(self.buffer):
            return self.buffer[start - self.start : end - self.start]
        return self._file.read(start, end - start)
