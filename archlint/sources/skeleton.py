"""A model without the bytes of its weights, copied from the file around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.sources.field_reader import Field, FieldReader
from archlint.sources.onnx_schema import MESSAGES, PAYLOADS, WIDTHS
from archlint.sources.payload import ELIDED
from archlint.sources.problem import unreadable
from archlint.sources.stored_tensor import StoredTensor
from archlint.sources.utf8 import readable
from archlint.sources.wire import WireType, key, read_varint, write_field, write_varint

if TYPE_CHECKING:
    from archlint.sources.byte_file import ByteFile
    from archlint.sources.limits import Limits

_EXTERNAL_DATA = key(13)
_DATA_LOCATION = key(14, WireType.VARINT)
_EXTERNAL = frozenset({_EXTERNAL_DATA, _DATA_LOCATION})
_ELIDED_ENTRY = write_field(key(1), b"location") + write_field(key(2), ELIDED.encode())
_ELIDED_FIELDS = write_field(_EXTERNAL_DATA, _ELIDED_ENTRY) + write_varint(_DATA_LOCATION) + b"\x01"

_WRITE_AGAIN = "Readers disagree about such a file; write it again with the tool that made it"


class Skeleton:
    """Walks over an ONNX file, copies small messages unread, and leaves out large payloads.

    After `read`, `tensors` holds the tensors that were left out.
    """

    def __init__(self, file: ByteFile, limits: Limits) -> None:
        self._size = file.size
        self._limits = limits
        self._reader = FieldReader(file, limits)
        self.tensors: list[StoredTensor] = []

    def read(self) -> bytearray:
        """Return the model in the wire format, without payloads; raises Unreadable."""
        return self._message("model", 0, self._size, 0)

    def _message(self, name: str, start: int, end: int, depth: int) -> bytearray:
        """Return a message without the payloads in it."""
        if depth > self._limits.nesting:
            limit = self._limits.nesting
            raise unreadable(f"messages are nested deeper than {limit}", offset=start)
        message = MESSAGES[name]
        before = len(self.tensors)
        labels: dict[str, str] = {}
        seen: set[int] = set()
        out = bytearray()
        for field in self._reader.fields(name, start, end, out):
            child = message.children.get(field.key)
            if child is None:
                text = readable(self._reader.value(field))
                labels.setdefault(message.labels[field.key], text)
            elif child.once and field.key in seen:
                part = child.label or child.message
                raise unreadable(f"a {name} has two of its one {part}", _WRITE_AGAIN, field.start)
            seen.add(field.key)
            if child is None or not field.enter:
                self._reader.keep(field.start, field.end, out)
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
        """Prepend a step to the paths of the tensors found since `first`."""
        if label:
            for tensor in self.tensors[first:]:
                tensor.where = (label, *tensor.where)

    def _name(self, message: str, labels: dict[str, str], first: int) -> None:
        """Name the tensors found in a message by the labels read from it."""
        tensors = self.tensors[first:]
        if message == "sparse":
            values = [tensor.name for tensor in tensors if tensor.where == ("values",)]
            for tensor in tensors:
                if values and not tensor.name:
                    tensor.name = f"{values[0]}.indices"
        if message == "node":
            for tensor in tensors:
                if tensor.of_node:
                    tensor.named_by(labels)
        if message in {"node", "attribute", "function"}:
            self._lead(first, labels.get("name") or labels.get("output", ""))
        if message == "attribute":
            for tensor in tensors:
                tensor.of_node = tensor.where[1:] in {(), ("values",), ("indices",)}

    def _tensor(self, start: int, end: int) -> bytearray:
        """Return a tensor without its payload, which goes into `tensors`."""
        tensor = StoredTensor()
        out, held = bytearray(), bytearray()
        data: list[Field] = []
        for field in self._reader.fields("tensor", start, end, out):
            if field.key not in PAYLOADS:
                external = field.key in _EXTERNAL
                self._reader.keep(field.start, field.end, held if external else out)
                if field.key == _EXTERNAL_DATA:
                    tensor.external |= self._entry(field)
                else:
                    _describe(tensor, field, self._reader.value(field))
                continue
            if field.end > field.body:
                data.append(field)
            if field.end - field.body < self._limits.payload:
                self._reader.keep(field.start, field.end, out)
        elided = any(field.end - field.body >= self._limits.payload for field in data)
        if not elided and not tensor.is_external:
            return out + held
        if len(data) + tensor.is_external > 1:
            message = f"tensor '{tensor.name}' holds its elements in more than one way"
            raise unreadable(message, _WRITE_AGAIN, start)
        for field in data:
            tensor.field_name = PAYLOADS[field.key]
            tensor.offset, tensor.length = field.body, field.end - field.body
            if tensor.length % WIDTHS.get(field.key, 1):
                raise unreadable(f"tensor '{tensor.name}' ends inside a number", offset=field.start)
        self.tensors.append(tensor)
        return out + _ELIDED_FIELDS

    def _entry(self, field: Field) -> dict[str, str]:
        """Read a key-value pair; the last occurrence of a field wins, as in protobuf."""
        pair = {"key": "", "value": ""}
        for part in self._reader.fields("entry", field.body, field.end, bytearray()):
            pair[MESSAGES["entry"].labels[part.key]] = readable(self._reader.value(part))
        return {pair["key"]: pair["value"]}


def _describe(tensor: StoredTensor, field: Field, value: bytes) -> None:
    """Apply one field to a tensor's description; the last occurrence wins, as in protobuf."""
    match MESSAGES["tensor"].labels[field.key]:
        case "dims":
            tensor.dims.append(_signed(read_varint(value, 0)[0]))
        case "packed dims":
            index = 0
            while index < len(value):
                dim, index = read_varint(value, index, field.body)
                tensor.dims.append(_signed(dim))
        case "data_type":
            tensor.data_type = read_varint(value, 0)[0] & 0xFFFF_FFFF
        case "name":
            tensor.name = readable(value)
        case "data_location":
            location = read_varint(value, 0)[0] & 0xFFFF_FFFF
            if location in {0, 1}:  # protobuf puts other values aside
                tensor.is_external = location == 1


def _signed(value: int) -> int:
    """Reinterpret a 64-bit number as signed."""
    return value - (1 << 64) if value >> 63 else value
