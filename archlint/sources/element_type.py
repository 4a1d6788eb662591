"""The element types of stored tensors, and the width of their elements."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.sources.payload import Payload

# The values of onnx.TensorProto.DataType, copied because importing onnx is slow.
(
    FLOAT,
    UINT8,
    INT8,
    UINT16,
    INT16,
    INT32,
    INT64,
    STRING,
    BOOL,
    FLOAT16,
    DOUBLE,
    UINT32,
    UINT64,
    COMPLEX64,
    COMPLEX128,
    BFLOAT16,
    FLOAT8E4M3FN,
    FLOAT8E4M3FNUZ,
    FLOAT8E5M2,
    FLOAT8E5M2FNUZ,
    UINT4,
    INT4,
    FLOAT4E2M1,
    FLOAT8E8M0,
    UINT2,
    INT2,
    FLOAT6E2M3,
    FLOAT6E3M2,
) = range(1, 29)

_EIGHT_BITS = (FLOAT8E4M3FN, FLOAT8E4M3FNUZ, FLOAT8E5M2, FLOAT8E5M2FNUZ, FLOAT8E8M0)

BITS: Mapping[int, int] = {
    **dict.fromkeys((UINT2, INT2), 2),
    **dict.fromkeys((UINT4, INT4, FLOAT4E2M1), 4),
    **dict.fromkeys((FLOAT6E2M3, FLOAT6E3M2), 6),
    **dict.fromkeys((UINT8, INT8, BOOL, *_EIGHT_BITS), 8),
    **dict.fromkeys((UINT16, INT16, FLOAT16, BFLOAT16), 16),
    **dict.fromkeys((FLOAT, INT32, UINT32), 32),
    **dict.fromkeys((INT64, DOUBLE, UINT64, COMPLEX64), 64),
    COMPLEX128: 128,
}
"""Bits of an element; strings have no fixed width."""

COMPLEX = frozenset({COMPLEX64, COMPLEX128})
"""Types whose elements are two numbers: real and imaginary part."""

PLAIN_FIELDS = frozenset({"raw_data", "float_data", "double_data", "external"})
"""Fields whose bytes are the little-endian array itself; others hold varints."""


def expected_length(payload: Payload) -> int | None:
    """Return the byte length that dimensions and type imply; None for types without fixed width."""
    bits = BITS.get(payload.data_type)
    if bits is None or payload.field not in PLAIN_FIELDS or any(dim < 0 for dim in payload.dims):
        return None
    return (prod(payload.dims) * bits + 7) // 8
