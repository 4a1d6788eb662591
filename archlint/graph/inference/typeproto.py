"""Converts between onnx's TypeProto and plain types."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnx import TypeProto

from archlint.graph.dimensions.symbol import bind, clean
from archlint.graph.dtype import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import TensorShapeProto

    from archlint.graph.value import Dim, Shape, Value


class Described(NamedTuple):
    """The contents of a type message; `full` where every dimension is a number."""

    dtype: DType | None
    shape: Shape | None
    full: bool
    tensor: bool


class Types:
    """Parses serialized types with a cache: a model has many tensors and few types."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        """`sizes` binds symbolic dimensions."""
        self._sizes = sizes
        self._known: dict[bytes, Described] = {}

    def read(self, raw: bytes) -> Described:
        """Return what a serialized type says."""
        known = self._known.get(raw)
        if known is None:
            proto = TypeProto.FromString(raw)
            dtype, shape = read(proto, self._sizes)
            full = shape is not None and all(isinstance(dim, int) for dim in shape)
            tensor = proto.WhichOneof("value") in {"tensor_type", None}
            self._known[raw] = known = Described(dtype, shape, full, tensor)
        return known


def read(proto: TypeProto, sizes: Mapping[str, int]) -> tuple[DType | None, Shape | None]:
    """Return the element type and the shape of a tensor; both None for other kinds of types.

    `sizes` binds symbolic dimensions.
    """
    if not proto.HasField("tensor_type"):
        return None, None
    tensor = proto.tensor_type
    dtype = DType.from_onnx(tensor.elem_type)
    if not tensor.HasField("shape"):
        return dtype, None
    return dtype, tuple(
        [size if (size := dim.dim_value) > 0 else _open(dim, sizes) for dim in tensor.shape.dim]
    )


def _open(dim: TensorShapeProto.Dimension, sizes: Mapping[str, int]) -> Dim:
    """Return a dimension that is not a positive number."""
    if dim.dim_param:
        symbol = clean(dim.dim_param)
        return bind(symbol, sizes) if isinstance(symbol, str) else symbol
    return 0 if dim.HasField("dim_value") and dim.dim_value == 0 else None


def write(value: Value) -> TypeProto:
    """Return the type of a tensor as onnx's shape inference takes it."""
    proto = TypeProto()
    tensor = proto.tensor_type
    if value.dtype is not None:
        tensor.elem_type = value.dtype.onnx_code
    if value.shape is not None:
        dims = tensor.shape.dim
        tensor.shape.SetInParent()
        for dim in value.shape:
            entry = dims.add()
            if isinstance(dim, str):
                entry.dim_param = dim
            elif dim is not None and dim < 2**63:  # computed sums of sizes may be larger
                entry.dim_value = dim
    return proto
