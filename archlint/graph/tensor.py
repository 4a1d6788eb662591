"""Stored tensors: their types, and the contents of small ones."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from onnx import SparseTensorProto, TensorProto, numpy_helper

from archlint.graph.dtype import DType
from archlint.graph.invalid import InvalidGraph
from archlint.graph.value import Provenance, Role, Value
from archlint.sources.payload import ELIDED

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_INTEGERS = 4096
"""Elements up to which integer tensors are stored: shapes, axes, indices, small tables."""

LARGEST_FLOATS = 64
"""Elements up to which float tensors are stored: scales, epsilons, exponents."""

NUMPY_TYPES: Mapping[int, np.dtype[np.generic]] = {
    TensorProto.FLOAT: np.dtype("<f4"),
    TensorProto.UINT8: np.dtype("u1"),
    TensorProto.INT8: np.dtype("i1"),
    TensorProto.UINT16: np.dtype("<u2"),
    TensorProto.INT16: np.dtype("<i2"),
    TensorProto.INT32: np.dtype("<i4"),
    TensorProto.INT64: np.dtype("<i8"),
    TensorProto.BOOL: np.dtype("?"),
    TensorProto.FLOAT16: np.dtype("<f2"),
    TensorProto.DOUBLE: np.dtype("<f8"),
    TensorProto.UINT32: np.dtype("<u4"),
    TensorProto.UINT64: np.dtype("<u8"),
}


def value(name: str, tensor: TensorProto) -> Value:
    """Return the description of a stored tensor.

    Raises `InvalidGraph` without sizes or element type, since no total could include its bytes.
    """
    return _stored(name, tensor.data_type, tuple(tensor.dims[:]))


def is_external(tensor: TensorProto) -> bool:
    """Whether the bytes are in a file of their own."""
    return tensor.data_location == TensorProto.EXTERNAL and all(
        entry.value != ELIDED for entry in tensor.external_data if entry.key == "location"
    )


def is_small(value: Value) -> bool:
    """Whether a tensor is small enough for its contents to be stored."""
    dtype, elements = value.dtype, value.elements
    if dtype is None or elements is None or dtype is DType.STRING:
        return False
    return elements <= (LARGEST_FLOATS if dtype.is_float else LARGEST_INTEGERS)


def contents(tensor: TensorProto, value: Value) -> np.ndarray | None:
    """Return the contents of a small tensor, described as `value`; None if large or invalid."""
    if tensor.data_location == TensorProto.EXTERNAL or not is_small(value):
        return None
    try:
        dtype = NUMPY_TYPES.get(tensor.data_type)
        raw = tensor.raw_data
        if raw and dtype is not None:
            return np.frombuffer(raw, dtype).reshape(value.sizes or ())
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # a reader's problem says so; here it is only a tensor that is not known


def uniform(tensor: TensorProto, value: Value) -> np.ndarray | None:
    """Return the contents of a tensor whose elements are all equal, described as `value`.

    The array is a broadcast view of one element. None where elements differ, or are external.
    """
    raw, dtype, sizes = tensor.raw_data, NUMPY_TYPES.get(tensor.data_type), value.sizes
    if not raw or dtype is None or sizes is None or len(raw) != dtype.itemsize * prod(sizes):
        return None
    first = raw[: dtype.itemsize]
    if raw != first * prod(sizes):
        return None
    return np.broadcast_to(np.frombuffer(first, dtype)[0], sizes)


def filled(value: Value, number: int) -> np.ndarray:
    """Return the contents of a tensor of integers or booleans that holds one number."""
    code = TensorProto.INT64 if value.dtype is None else value.dtype.onnx_code
    return np.full(value.sizes or (), number).astype(NUMPY_TYPES.get(code, np.dtype("<i8")))


def sparse_value(name: str, sparse: SparseTensorProto) -> Value:
    """Return the description of a stored sparse tensor: its dense shape; raises as `value` does."""
    return _stored(name, sparse.values.data_type, tuple(sparse.dims[:]))


def _stored(name: str, code: int, dims: tuple[int, ...]) -> Value:
    dtype = DType.from_onnx(code)
    if min(dims, default=0) < 0:
        raise InvalidGraph(f"stored tensor {name!r} has a negative size: {list(dims)}")
    if dtype is None:
        raise InvalidGraph(f"stored tensor {name!r} has no element type that ONNX defines: {code}")
    return Value(name, dtype, dims, Role.STORED, Provenance.DECLARED)


def store(array: np.ndarray, name: str) -> TensorProto:
    """Return a folded tensor as onnx's shape inference takes it."""
    return numpy_helper.from_array(array, name)
