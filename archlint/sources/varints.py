"""Decodes many variable-length integers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.sources.problem import unreadable
from archlint.sources.wire import LONGEST_VARINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray


def decode_varints(blocks: Iterable[memoryview]) -> Iterator[NDArray[np.uint64]]:
    """Yield the numbers of each block of bytes; a number may span two blocks."""
    import numpy as np

    rest = b""
    for block in blocks:
        data = np.frombuffer(rest + block, np.uint8)
        ends = np.flatnonzero(data < 0x80) + 1
        whole = int(ends[-1]) if ends.size else 0
        rest = data[whole:].tobytes()
        starts = np.concatenate([[0], ends[:-1]]) if ends.size else ends
        lengths = ends - starts
        if len(rest) >= LONGEST_VARINT or (lengths > LONGEST_VARINT).any():
            raise unreadable("a number in the tensor data is longer than 10 bytes")
        if not whole:
            continue
        place = np.arange(whole) - np.repeat(starts, lengths)
        bits = (data[:whole] & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64)
        yield np.bitwise_or.reduceat(bits, starts)
    if rest:
        raise unreadable("the tensor data ends inside a number")
