"""How wide the elements of a tensor are in a file."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.sources.payload import Payload

BITS: Mapping[int, int] = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    15: 128,
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
    **dict.fromkeys((27, 28), 6),
}
"""Bits of an element by `onnx.TensorProto.DataType`; strings have no fixed width."""

COMPLEX = frozenset({14, 15})
"""Types whose elements are two numbers: real and imaginary part."""

PLAIN_FIELDS = frozenset({"raw_data", "float_data", "double_data", "external"})
"""Fields whose bytes are the little-endian array itself; others hold numbers of variable length."""


def expected_length(payload: Payload) -> int | None:
    """Return the bytes that the dimensions and the type ask for; None where they do not say."""
    bits = BITS.get(payload.data_type)
    if bits is None or payload.field not in PLAIN_FIELDS or any(dim < 0 for dim in payload.dims):
        return None
    return (prod(payload.dims) * bits + 7) // 8
