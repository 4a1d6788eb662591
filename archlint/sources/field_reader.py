"""Reads the fields of a protobuf message: inspects some, and copies the others unread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archlint.sources.onnx_schema import MESSAGES
from archlint.sources.problem import not_onnx, unreadable
from archlint.sources.window import Window
from archlint.sources.wire import LONGEST_VARINT, WireType, key, read_varint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.sources.byte_file import ByteFile
    from archlint.sources.limits import Limits

_LOCATION = b"location"
_NEVER = 1 << 63

_ATTRIBUTE_KEYS = (key(5), key(5) | 0x80)
"""The first byte of every attribute of a node, in the shortest form and in longer ones.

Counting these bytes bounds the number of attributes in messages that are copied unparsed. An empty
attribute takes two bytes in the file and a hundred times as much in memory.
"""

_SHORTEST_NODE = 4
"""Bytes of a node with one empty attribute: shorter messages cannot hold any."""


class Field(NamedTuple):
    """A field in the file: its key at `start`, its value from `body` to `end`.

    `enter` means that the value is a message that may hold a payload or name an external file.
    """

    key: int
    start: int
    body: int
    end: int
    enter: bool


class FieldReader:
    """Reads a file field by field, within the limits."""

    def __init__(self, file: ByteFile, limits: Limits) -> None:
        self._size = file.size
        self._limits = limits
        self._window = Window(file, reach=max(limits.payload, 64) + 4 * LONGEST_VARINT)
        self._fields_read = 0
        self._bytes_kept = 0
        self._watched = {
            name: {field_key: child.once for field_key, child in message.children.items()}
            | dict.fromkeys(message.labels, True)
            for name, message in MESSAGES.items()
        }

    def value(self, field: Field) -> bytes:
        """Return the bytes of the value of a field."""
        return self._window.copy(field.body, field.end)

    def keep(self, start: int, end: int, out: bytearray) -> None:
        """Copy a byte range of the file to `out`; raises Unreadable beyond the size limit."""
        if start == end:  # between two fields that are inspected
            return
        self._bytes_kept += end - start
        if self._bytes_kept > self._limits.skeleton:
            raise unreadable(
                f"the graph alone takes more than {self._limits.skeleton >> 20} MiB",
                "Large data belongs in tensors, which are not read",
                start,
            )
        piece = self._window.copy(start, end)
        if end - start >= _SHORTEST_NODE:
            self._count(sum(map(piece.count, _ATTRIBUTE_KEYS)), start)
        out += piece

    def fields(self, name: str, start: int, end: int, out: bytearray) -> Iterator[Field]:
        """Yield the fields of a message that need inspection; copy all others to `out`, in order.

        A message shorter than the threshold cannot hold a payload longer than it, so it is copied
        unread, unless the word `location` is in it. This is the hot loop of the reader: it runs
        once for every node of the graph.
        """
        window, watched, runs = self._window, self._watched[name], MESSAGES[name].runs
        threshold = self._limits.payload
        position = run = start
        buffer, base, safe, mark, count = b"", 0, -1, -1, 0
        while position < end:
            if not base <= position <= safe:
                self.keep(run, position, out)
                run = position
                count = self._count(count, position)
                window.move(position)
                buffer, base, safe, mark = window.buffer, window.start, window.safe, -1
            count += 1
            index = position - base
            field_key, low, high = buffer[index : index + 3]
            if field_key & 0x87 == 2 and (low < 0x80 or high < 0x80):  # a length of 1 or 2 bytes
                if low < 0x80:
                    stop = (body := position + 2) + low
                else:
                    stop = (body := position + 3) + (low & 0x7F | high << 7)
            else:
                field_key, body, stop = self._header(buffer, index, base)
                if runs and field_key in runs:
                    position = self._pass_over(runs[field_key], position, end) or stop
                    continue
            if stop > end:
                raise self._cut(name, position, end, stop)
            always = watched.get(field_key)
            if always is not None:
                if mark < position:
                    mark = buffer.find(_LOCATION, position - base, end - base)
                    mark = mark + base if mark >= 0 else _NEVER
                enter = stop - body >= threshold or mark < stop
                if enter or always:
                    self.keep(run, position, out)
                    yield Field(field_key, position, body, stop, enter)
                    run = stop
                    mark = mark if window.buffer is buffer else -1
                    buffer, base, safe = window.buffer, window.start, window.safe
            position = stop
        self.keep(run, position, out)
        self._count(count, position)

    def _header(self, buffer: bytes, index: int, base: int) -> tuple[int, int, int]:
        """Read the key and the length of a field: key, offsets of the value and of its end."""
        start = base + index
        field_key, index = read_varint(buffer, index, base)
        if not 8 <= field_key <= 0xFFFF_FFFF:
            raise not_onnx("a field has a number that protobuf does not allow", start)
        match field_key & 7:
            case WireType.LENGTH_DELIMITED:
                length, index = read_varint(buffer, index, base)
            case WireType.VARINT:
                length = read_varint(buffer, index, base)[1] - index
            case WireType.FOUR_BYTES:
                length = 4
            case WireType.EIGHT_BYTES:
                length = 8
            case WireType.START_GROUP | WireType.END_GROUP:
                raise not_onnx("it has a group", start)
            case _:
                raise not_onnx(offset=start)
        return field_key, base + index, base + index + length

    def _pass_over(self, pattern: bytes, position: int, end: int) -> int | None:
        """Return where a run of identical tiny fields ends within the current window."""
        buffer, base = self._window.buffer, self._window.start
        limit = min(end - base, len(buffer))
        row = re.compile(pattern).match(buffer, position - base, limit)
        return base + row.end() if row else None

    def _count(self, fields: int, position: int) -> int:
        """Add to the number of fields read, and check it against the limit."""
        self._fields_read += fields
        if self._fields_read > self._limits.fields:
            message = f"the graph has more than {self._limits.fields:,} parts"
            raise unreadable(message, offset=position)
        return 0

    def _cut(self, name: str, position: int, end: int, stop: int) -> Exception:
        """Return the error for a field that is longer than its message."""
        if end == self._size:
            return unreadable(
                f"the file is cut off: the {name} needs at least {stop - end:,} more bytes",
                "fetch or export the file again",
                position,
            )
        return unreadable(f"a part of a {name} is longer than the {name} itself", offset=position)
