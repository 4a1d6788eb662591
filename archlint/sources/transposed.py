"""Whether one stored matrix is the transpose of another, judged by a sample of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.sources.element_type import BITS
from archlint.sources.statistics import open_payload

if TYPE_CHECKING:
    from pathlib import Path

    from archlint.sources.payload import Payload

_PLACES = 64


def is_transposed(path: Path, matrix: Payload, other: Payload) -> bool:
    """Compare a sample of 64 numbers of two matrices in the ONNX file at `path`.

    Matrices whose sampled numbers are all equal are not distinguished. Raises Unreadable.
    """
    width = BITS.get(matrix.data_type, 0) // 8
    rows, columns = matrix.dims
    if matrix.data_type != other.data_type or not width or other.dims != (columns, rows):
        return False
    seen = set()
    with open_payload(path, matrix) as file, open_payload(path, other) as transposed:
        for place in range(_PLACES):
            row, column = place * rows // _PLACES, place * 37 % columns
            number = file.read(matrix.offset + (row * columns + column) * width, width)
            if number != transposed.read(other.offset + (column * rows + row) * width, width):
                return False
            seen.add(number)
    return len(seen) > 1
