"""A model without the bytes of its weights, made from the file without reading these."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archlint.sources.limits import Limits
from archlint.sources.onnx_schema import MESSAGES, PAYLOADS
from archlint.sources.problem import unreadable
from archlint.sources.stored_tensor import StoredTensor
from archlint.sources.window import Window
from archlint.sources.wire import (
    LONGEST_VARINT,
    WireType,
    key,
    read_varint,
    write_field,
    write_varint,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.sources.byte_file import ByteFile

_EXTERNAL_DATA = key(13)
_DATA_LOCATION = key(14, WireType.VARINT)
_LOCATION = b"location"
_NEVER = 1 << 63

ELIDED = "#elided"
"""The external location of a tensor whose bytes were left out.

onnx's checker and shape inference open no file for a location that starts with `#`.
"""

_ELIDED_FIELDS = (
    write_field(
        _EXTERNAL_DATA, write_field(key(1), _LOCATION) + write_field(key(2), ELIDED.encode())
    )
    + write_varint(_DATA_LOCATION)
    + b"\x01"
)


class _Field(NamedTuple):
    """A field in the file: from its key at `start`, its value from `body` to `end`."""

    key: int
    start: int
    body: int
    end: int
    enter: bool


class Skeleton:
    """A walk over an ONNX file that copies small messages unread and leaves out big payloads.

    A message shorter than the threshold cannot hold a payload longer than it, so it is copied as
    it is, unless the word `location` in it says that it may name an external file. After
    `read`, `tensors` holds what was left out.
    """

    def __init__(self, file: ByteFile, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._window = Window(file, reach=max(limits.payload, 64) + 4 * LONGEST_VARINT)
        self._fields_read = 0
        self._bytes_kept = 0
        self._watched = {
            name: {field_key: child.once for field_key, child in message.children.items()}
            | dict.fromkeys(message.labels, True)
            for name, message in MESSAGES.items()
        }
        self.tensors: list[StoredTensor] = []

    def read(self) -> bytearray:
        """Return the model in the wire format, without payloads; raises Unreadable."""
        return self._message("model", 0, self._file.size, 0)

    def _message(self, name: str, start: int, end: int, depth: int) -> bytearray:
        message = MESSAGES[name]
        if depth > self._limits.nesting:
            raise unreadable(
                f"messages are nested deeper than {self._limits.nesting}", offset=start
            )
        before = len(self.tensors)
        labels: dict[str, str] = {}
        seen: set[int] = set()
        out = bytearray()
        for field in self._fields(name, start, end, out):
            child = message.children.get(field.key)
            if child is None:
                label = self._window.copy(field.body, field.end)
                labels.setdefault(message.labels[field.key], label.decode(errors="replace"))
            elif child.once and field.key in seen:
                raise unreadable(
                    f"a {name} has two parts where it can have one ({child.label or child.message})",
                    "Readers disagree about such a file; write it again with the tool that made it",
                    field.start,
                )
            seen.add(field.key)
            if child is None or not field.enter:
                self._keep(field.start, field.end, out)
                continue
            first = len(self.tensors)
            if child.message == "tensor":
                body = self._tensor(field.body, field.end)
            else:
                body = self._message(child.message, field.body, field.end, depth + 1)
            self._lead(first, child.label)
            out += write_varint(field.key) + write_varint(len(body))
            out += body
        self._name(name, labels, before)
        return out

    def _lead(self, first: int, label: str) -> None:
        """Put a step in front of the way to the tensors found since `first`."""
        if label:
            for tensor in self.tensors[first:]:
                tensor.where = (label, *tensor.where)

    def _name(self, message: str, labels: dict[str, str], first: int) -> None:
        """Name the tensors found in a message after what was read in it."""
        if message == "node":
            for tensor in self.tensors[first:]:
                if tensor.of_node:
                    tensor.named_by(labels)
        if message == "sparse":
            values = [tensor.name for tensor in self.tensors[first:] if tensor.where == ("values",)]
            for tensor in self.tensors[first:]:
                if values and not tensor.name:
                    tensor.name = f"{values[0]}.indices"
        if message in {"node", "attribute", "function"}:
            self._lead(first, labels.get("name") or labels.get("output", ""))
        if message == "attribute":
            for tensor in self.tensors[first:]:
                tensor.of_node = tensor.where[1:] in {(), ("values",), ("indices",)}

    def _tensor(self, start: int, end: int) -> bytearray:
        """Return a tensor without its payload, which goes into `tensors`."""
        tensor = StoredTensor()
        out, held = bytearray(), bytearray()
        data: list[_Field] = []
        for field in self._fields("tensor", start, end, out):
            if field.key in PAYLOADS:
                data += [field] if field.end > field.body else []
                if field.end - field.body < self._limits.payload:
                    self._keep(field.start, field.end, out)
            else:
                held_back = field.key in {_EXTERNAL_DATA, _DATA_LOCATION}
                self._keep(field.start, field.end, held if held_back else out)
                self._describe(tensor, field)
        largest = max(data, key=lambda field: field.end - field.body, default=None)
        elided = largest is not None and largest.end - largest.body >= self._limits.payload
        if not elided and not tensor.is_external:
            return out + held
        if len(data) > 1 or (data and tensor.is_external):
            raise unreadable(
                f"tensor '{tensor.name}' holds its elements in more than one way",
                "Readers disagree about such a file; write it again with the tool that made it",
                start,
            )
        if largest is not None:
            tensor.field_name = PAYLOADS[largest.key]
            tensor.offset, tensor.length = largest.body, largest.end - largest.body
        self.tensors.append(tensor)
        return out + _ELIDED_FIELDS

    def _describe(self, tensor: StoredTensor, field: _Field) -> None:
        """Take what one field says about a tensor; the last one wins, as in protobuf."""
        body = self._window.copy(field.body, field.end)
        match MESSAGES["tensor"].labels[field.key]:
            case "dims":
                tensor.dims.append(_signed(read_varint(body, 0)[0]))
            case "packed dims":
                index = 0
                while index < len(body):
                    value, index = read_varint(body, index, field.body)
                    tensor.dims.append(_signed(value))
            case "data_type":
                tensor.data_type = read_varint(body, 0)[0] & 0xFFFF_FFFF
            case "name":
                tensor.name = body.decode(errors="replace")
            case "data_location":
                location = read_varint(body, 0)[0] & 0xFFFF_FFFF
                if location in {0, 1}:  # protobuf puts other values aside
                    tensor.is_external = location == 1
            case "external_data":
                entry = _entry(body, field.body)
                tensor.external[entry.get(1, "")] = entry.get(2, "")

    def _keep(self, start: int, end: int, out: bytearray) -> None:
        """Copy a stretch of the file into the skeleton."""
        self._bytes_kept += end - start
        if self._bytes_kept > self._limits.skeleton:
            raise unreadable(
                f"the graph alone takes more than {self._limits.skeleton >> 20} MiB",
                "Large data belongs into tensors, which are not read",
                start,
            )
        out += self._window.copy(start, end)

    def _fields(self, name: str, start: int, end: int, out: bytearray) -> Iterator[_Field]:
        """Yield the fields of a message that need a look; copy all others to `out`, in order.

        This is the one hot loop of the reader: a microsecond here is a second on a graph of a
        million nodes, which is why it is long and keeps what it needs in local names.
        """
        runs, watched, window = MESSAGES[name].runs, self._watched[name], self._window
        threshold = self._limits.payload
        position = run = start
        buffer, base, safe, mark, count = b"", 0, -1, -1, 0
        while position < end:
            if not base <= position <= safe:
                self._keep(run, position, out)
                run = position
                self._count(count, position)
                count = 0
                window.move(position)
                buffer, base, safe, mark = window.buffer, window.start, window.safe, -1
            count += 1
            index = position - base
            field_key = buffer[index]
            index += 1
            if field_key > 0x7F:
                field_key, index = read_varint(buffer, index - 1, base)
            if runs and field_key in runs:
                limit = min(end - base, len(buffer))
                if row := re.compile(runs[field_key]).match(buffer, position - base, limit):
                    position = base + row.end()
                    continue
            wire_type = field_key & 7
            body = base + index
            if wire_type == WireType.LENGTH_DELIMITED:
                length = buffer[index] if index < len(buffer) else 0x80
                index += 1
                if length > 0x7F:
                    length, index = read_varint(buffer, index - 1, base)
                body = base + index
                stop = body + length
            elif wire_type == WireType.VARINT:
                length = read_varint(buffer, index, base)[1] - index
                stop = body + length
            else:
                length = _width(wire_type, position)
                stop = body + length
            if stop > end:
                raise _cut(name, stop - end, end == self._file.size, position)
            if not 8 <= field_key <= 0xFFFF_FFFF:
                raise unreadable(
                    "a field has a number that protobuf does not allow", offset=position
                )
            always = watched.get(field_key)
            if always is not None:
                if mark < position:
                    mark = buffer.find(_LOCATION, position - base)
                    mark = mark + base if mark >= 0 else _NEVER
                enter = length >= threshold or mark < stop
                if enter or always:
                    self._keep(run, position, out)
                    yield _Field(field_key, position, body, stop, enter)
                    run = stop
                    buffer, base, safe, mark = window.buffer, window.start, window.safe, -1
            position = stop
        self._keep(run, position, out)
        self._count(count, position)

    def _count(self, fields: int, position: int) -> None:
        self._fields_read += fields
        if self._fields_read > self._limits.fields:
            raise unreadable(
                f"the graph has more than {self._limits.fields:,} parts", offset=position
            )


def _cut(name: str, missing: int, at_end: bool, offset: int) -> Exception:
    """Return the error for a field that is longer than what holds it."""
    if at_end:
        return unreadable(
            f"the file is cut off: the {name} needs {missing:,} more bytes",
            "Fetch or export the file again",
            offset,
        )
    return unreadable(f"a part of a {name} is longer than the {name} itself", offset=offset)


def _width(wire_type: int, position: int) -> int:
    """Return the bytes of a value of fixed width."""
    if wire_type == WireType.EIGHT_BYTES:
        return 8
    if wire_type == WireType.FOUR_BYTES:
        return 4
    raise unreadable("it is not in the format of ONNX (protobuf)", offset=position)


def _entry(body: bytes, start: int) -> dict[int, str]:
    """Read a StringStringEntryProto: key under 1, value under 2."""
    entry: dict[int, str] = {}
    index = 0
    while index < len(body):
        field_key, index = read_varint(body, index, start)
        if field_key & 7 != WireType.LENGTH_DELIMITED:
            raise unreadable("an external_data entry is not a pair of texts", offset=start)
        length, index = read_varint(body, index, start)
        entry[field_key >> 3] = body[index : index + length].decode(errors="replace")
        index += length
    return entry


def _signed(value: int) -> int:
    """Read a 64-bit number as a signed one."""
    return value - (1 << 64) if value >> 63 else value
