"""The first numbers of a stored tensor, without the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.sources.elements import decoder, numbers_per_group
from archlint.sources.statistics import open_payload

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from archlint.sources.payload import Payload


def first_numbers(path: Path, payload: Payload, count: int) -> NDArray[np.float64] | None:
    """Read `count` numbers of a tensor of the ONNX file at `path`; None for too few of them.

    None for tensors that are not stored as whole bytes. Raises Unreadable.
    """
    decode = decoder(payload.data_type)
    nbytes, numbers = numbers_per_group(payload.data_type)
    raw = payload.field in {"raw_data", "external"}
    if decode is None or numbers != 1 or not raw or 0 <= payload.length < count * nbytes:
        return None
    with open_payload(path, payload) as file:
        read = decode(memoryview(file.read(payload.offset, count * nbytes)))
    return read if len(read) == count else None
