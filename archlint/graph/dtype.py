"""Element types of tensors, and their sizes."""

from __future__ import annotations

import enum

from archlint.sources.element_type import BITS


class DType(enum.StrEnum):
    """An ONNX element type, by the name that NumPy and PyTorch use.

    It `is_float` where gradients can flow through a tensor of this type.
    """

    is_float: bool

    FLOAT32 = "float32"
    UINT8 = "uint8"
    INT8 = "int8"
    UINT16 = "uint16"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    STRING = "string"
    BOOL = "bool"
    FLOAT16 = "float16"
    FLOAT64 = "float64"
    UINT32 = "uint32"
    UINT64 = "uint64"
    COMPLEX64 = "complex64"
    COMPLEX128 = "complex128"
    BFLOAT16 = "bfloat16"
    FLOAT8E4M3FN = "float8e4m3fn"
    FLOAT8E4M3FNUZ = "float8e4m3fnuz"
    FLOAT8E5M2 = "float8e5m2"
    FLOAT8E5M2FNUZ = "float8e5m2fnuz"
    UINT4 = "uint4"
    INT4 = "int4"
    FLOAT4E2M1 = "float4e2m1"
    FLOAT8E8M0 = "float8e8m0"
    UINT2 = "uint2"
    INT2 = "int2"
    FLOAT6E2M3 = "float6e2m3"
    FLOAT6E3M2 = "float6e3m2"

    def __init__(self, name: str) -> None:
        self.is_float = name.startswith(("float", "bfloat", "complex"))

    # Enum's __hash__ is slow (written in Python), and types are looked up for every tensor.
    __hash__ = str.__hash__

    @property
    def bits(self) -> int:
        """Width of one element in bits; 0 for strings, whose width is not fixed."""
        return _BITS[self]

    def storage(self, elements: int) -> int:
        """Bytes that `elements` packed elements take; sub-byte types share bytes."""
        return (elements * self.bits + 7) // 8

    @property
    def onnx_code(self) -> int:
        """The number of the type in `TensorProto.DataType`."""
        return _BY_CODE.index(self) + 1

    @classmethod
    def from_onnx(cls, code: int) -> DType | None:
        """Return the type of a `TensorProto.DataType` number, None where it is undefined."""
        return _BY_CODE[code - 1] if 1 <= code <= len(_BY_CODE) else None


# The order of the members is the order of onnx.TensorProto.DataType, which starts at 1.
_BY_CODE = tuple(DType)

_BITS = {dtype: BITS.get(code, 0) for code, dtype in enumerate(DType, start=1)}
