"""Channels of a stored tensor whose numbers are all within a range, found with few reads."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.sources.element_type import PLAIN_FIELDS, expected_length
from archlint.sources.elements import decoder, numbers_per_group
from archlint.sources.part import Part
from archlint.sources.statistics import open_payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from archlint.sources.byte_file import ByteFile
    from archlint.sources.elements import Decode
    from archlint.sources.payload import Payload

_WHOLE = 256 * 1024  # bytes of a tensor that is read at once
_GLANCE = 8  # numbers of a channel that are read first
_PIECE = 4096  # numbers that are read at a time after that
_MOST = 1 << 18  # numbers of several channels that are read at a time


def channels_of(numbers: NDArray[np.float64], part: Part) -> tuple[int, ...]:
    """Return the indices of the channels whose numbers are all within the range."""
    import numpy as np

    others = tuple(axis for axis in range(numbers.ndim) if axis != part.axis)
    inside = np.flatnonzero(_inside(numbers, part).all(axis=others))
    return tuple(index for index in inside.tolist() if index % part.step == 0)


def channels_within(path: Path, payload: Payload, part: Part) -> tuple[int, ...]:
    """Do the same for a tensor of the ONNX file at `path`, as exactly.

    Of a large tensor, a few numbers of each channel are read first, and the others only where those
    are within the range. None are found in tensors that are not stored as whole bytes. Raises
    Unreadable.
    """
    decode, needed = decoder(payload.data_type), expected_length(payload)
    if decode is None or not needed or payload.field not in PLAIN_FIELDS:
        return ()
    width, numbers = numbers_per_group(payload.data_type)
    if numbers != 1 or 0 <= payload.length < needed:
        return ()
    with open_payload(path, payload) as file:
        stored = _Stored(file, payload, decode, width)
        if needed <= _WHOLE:
            return channels_of(stored.read(0, prod(payload.dims)).reshape(payload.dims), part)
        if prod(payload.dims[: part.axis]) == 1:
            return tuple(_rows(stored, part))
        return tuple(_columns(stored, part))


class _Stored(Struct, frozen=True):
    """A tensor in an open file."""

    file: ByteFile
    payload: Payload
    decode: Decode
    width: int

    def read(self, first: int, count: int) -> NDArray[np.float64]:
        """Return `count` numbers from the one at `first`."""
        return self.decode(memoryview(self.bytes(first, count)))

    def bytes(self, first: int, count: int) -> bytes:
        """Return the bytes of `count` numbers from the one at `first`."""
        return self.file.read(self.payload.offset + first * self.width, count * self.width)


def _rows(stored: _Stored, part: Part) -> Iterator[int]:
    """Yield the channels that lie in the file one after the other."""
    import numpy as np

    dims = stored.payload.dims
    length, size = dims[part.axis], prod(dims[part.axis + 1 :])
    glance, looked = min(size, _GLANCE), range(0, length, part.step)
    first = b"".join([stored.bytes(row * size, glance) for row in looked])
    seen = _inside(stored.decode(memoryview(first)).reshape(-1, glance), part).all(axis=1)
    for place in np.flatnonzero(seen).tolist():
        start = looked[place] * size
        pieces = (stored.read(start + at, min(_PIECE, size - at)) for at in range(0, size, _PIECE))
        if all(_inside(piece, part).all() for piece in pieces):
            yield looked[place]


def _columns(stored: _Stored, part: Part) -> Iterator[int]:
    """Yield the channels whose numbers lie apart in the file, some of each in every plane.

    Planes are read until no channel is left: the first one alone, then as many as fit.
    """
    import numpy as np

    dims = stored.payload.dims
    planes, length = prod(dims[: part.axis]), dims[part.axis]
    size = prod(dims[part.axis + 1 :])  # numbers of a channel in a plane
    if size > _MOST:  # no weight that is known is like that
        return
    width = min(length, _MOST // size)
    for start in range(0, length, width):
        count = min(width, length - start)
        left = np.arange(start, start + count) % part.step == 0
        place, together = 0, 1
        while place < planes and left.any():
            numbers = stored.read((place * length + start) * size, together * count * size)
            left &= _inside(numbers.reshape(together, count, size), part).all(axis=(0, 2))
            place += together
            together = min(
                max(_MOST // (length * size), 1) if count == length else 1, planes - place
            )
        yield from (start + int(index) for index in np.flatnonzero(left))


def _inside(numbers: NDArray[np.float64], part: Part) -> NDArray[np.bool_]:
    return (numbers >= part.lowest) & (numbers <= part.highest)
