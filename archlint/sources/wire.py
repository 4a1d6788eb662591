"""The protobuf wire format: variable-length integers and field keys.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import enum

from archlint.sources.problem import not_onnx, unreadable

LONGEST_VARINT = 10
"""Bytes of the longest varint: 64 bits, 7 per byte."""


class WireType(enum.IntEnum):
    """How the value of a field is written."""

    VARINT = 0
    EIGHT_BYTES = 1
    LENGTH_DELIMITED = 2
    START_GROUP = 3
    END_GROUP = 4
    FOUR_BYTES = 5


def key(number: int, wire_type: WireType = WireType.LENGTH_DELIMITED) -> int:
    """Return the key of a field: its number and wire type."""
    return number << 3 | wire_type


def read_varint(buffer: bytes, index: int, start: int = 0) -> tuple[int, int]:
    """Return the number at `index` and the index after it.

    `start` is the offset of the buffer in the file, for the error; raises Unreadable.
    """
    if index < len(buffer) and buffer[index] < 0x80:  # as most are
        return buffer[index], index + 1
    value = 0
    for shift in range(0, 7 * LONGEST_VARINT, 7):
        if index + shift // 7 >= len(buffer):
            raise unreadable("the file ends inside a field", offset=start + index)
        byte = buffer[index + shift // 7]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, index + shift // 7 + 1
    raise not_onnx("a number is longer than 10 bytes", start + index)


def write_varint(value: int) -> bytes:
    """Return the shortest varint of a non-negative number."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def write_field(field_key: int, body: bytes | bytearray) -> bytes:
    """Return a length-delimited field."""
    return b"".join((write_varint(field_key), write_varint(len(body)), body))
