"""Decodes the numbers of a tensor from its bytes, for every element type of ONNX.

Source of the layouts: the comments of TensorProto in onnx.proto.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from archlint.sources import element_type
from archlint.sources.element_type import BITS, COMPLEX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Decode: TypeAlias = Callable[[memoryview], NDArray[np.float64]]

_PLAIN = {
    element_type.FLOAT: "<f4",
    element_type.UINT16: "<u2",
    element_type.INT16: "<i2",
    element_type.INT32: "<i4",
    element_type.INT64: "<i8",
    element_type.FLOAT16: "<f2",
    element_type.DOUBLE: "<f8",
    element_type.UINT32: "<u4",
    element_type.UINT64: "<u8",
    # Real and imaginary parts count as separate numbers here.
    element_type.COMPLEX64: "<f4",
    element_type.COMPLEX128: "<f8",
}
_SMALL = {
    element_type.UINT8: "uint8",
    element_type.INT8: "int8",
    element_type.BOOL: "bool",
    element_type.FLOAT8E4M3FN: "float8_e4m3fn",
    element_type.FLOAT8E4M3FNUZ: "float8_e4m3fnuz",
    element_type.FLOAT8E5M2: "float8_e5m2",
    element_type.FLOAT8E5M2FNUZ: "float8_e5m2fnuz",
    element_type.UINT4: "uint4",
    element_type.INT4: "int4",
    element_type.FLOAT4E2M1: "float4_e2m1fn",
    element_type.FLOAT8E8M0: "float8_e8m0fnu",
    element_type.UINT2: "uint2",
    element_type.INT2: "int2",
    element_type.FLOAT6E2M3: "float6_e2m3fn",
    element_type.FLOAT6E3M2: "float6_e3m2fn",
}


def decoder(data_type: int, *, packed: bool = True) -> Decode | None:
    """Return a function that decodes bytes to float64; None for strings and unknown types.

    `packed` is False where every 6-bit element has a byte of its own, as in `int32_data`. Types of
    8 bits and less use a table of all byte values. 64-bit integers beyond 2**53 are rounded.
    """
    import numpy as np

    if data_type in _PLAIN:
        plain = np.dtype(_PLAIN[data_type])
        return lambda data: np.frombuffer(data, plain).astype(np.float64)
    if data_type == element_type.BFLOAT16:
        return _bfloat16
    if data_type not in _SMALL:
        return None
    table = _table(data_type)
    if BITS[data_type] == 6 and packed:
        return lambda data: table[_six_bits(data)].ravel()
    if BITS[data_type] == 6:
        return lambda data: table[np.frombuffer(data, np.uint8) & 0x3F]
    return lambda data: table[np.frombuffer(data, np.uint8)].ravel()


def numbers_per_group(data_type: int) -> tuple[int, int]:
    """Return (bytes, numbers) of the smallest group of whole numbers in whole bytes."""
    bits = BITS[data_type]
    if data_type in COMPLEX:
        return bits // 16, 1
    if bits == 6:
        return 3, 4
    return max(bits // 8, 1), max(8 // bits, 1)


def _bfloat16(data: memoryview) -> NDArray[np.float64]:
    """Decode bfloat16: the upper half of a float32."""
    import numpy as np

    wide = np.frombuffer(data, "<u2").astype("<u4")
    wide <<= 16
    return wide.view("<f4").astype(np.float64)


def _table(data_type: int) -> NDArray[np.float64]:
    """Return the elements in each of the 256 bytes, the lowest bits first.

    Shape: (256, elements a byte); for types of 6 bits, the elements of the 64 codes.
    """
    import ml_dtypes
    import numpy as np

    bits = BITS[data_type]
    name = _SMALL[data_type]
    code_type = np.dtype(getattr(ml_dtypes, name) if hasattr(ml_dtypes, name) else name)
    codes = np.arange(1 << bits, dtype=np.uint8)
    if data_type == element_type.BOOL:
        codes = codes != 0
    with np.errstate(invalid="ignore"):
        numbers: NDArray[np.float64] = codes.view(code_type).astype(np.float64)
    if bits == 6:
        return numbers
    every_byte = np.arange(256, dtype=np.uint16)[:, None]
    shifts = np.arange(0, 8, bits, dtype=np.uint16)
    elements: NDArray[np.float64] = numbers[(every_byte >> shifts) & ((1 << bits) - 1)]
    return elements


def _six_bits(data: memoryview) -> NDArray[np.uint8]:
    """Split bytes into 6-bit codes, four in three bytes, lowest bits first."""
    import numpy as np

    packed = np.frombuffer(data, np.uint8)
    packed = np.concatenate([packed, np.zeros(-len(packed) % 3, np.uint8)]).reshape(-1, 3)
    first, second, third = (packed[:, column].astype(np.uint32) for column in range(3))
    group = (first | second << 8 | third << 16)[:, None]
    return ((group >> np.array([0, 6, 12, 18], np.uint32)) & 0x3F).astype(np.uint8)
