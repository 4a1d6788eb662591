"""What makes onnx's shape inference end the process or never end, found before it is called.

The inference is C++: it cannot be stopped, and where it trusts what a broken file says, it aborts.
Each check here stands for a model that did one or the other (onnx 1.23).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from onnx import AttributeProto, TensorProto

from archlint.graph.dtype import DType
from archlint.graph.value import Shape

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_FIELDS: Mapping[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
    TensorProto.UINT32: "uint64_data",
    TensorProto.UINT64: "uint64_data",
    **dict.fromkeys(
        (
            TensorProto.BOOL,
            TensorProto.INT8,
            TensorProto.UINT8,
            TensorProto.INT16,
            TensorProto.UINT16,
            TensorProto.INT32,
            TensorProto.FLOAT16,
            TensorProto.BFLOAT16,
        ),
        "int32_data",
    ),
}
"""The field of TensorProto that holds the numbers where they are not raw."""

_BODIES = frozenset({"If", "Loop", "Scan"})


_LONGEST = 2**20
"""Elements of a vector that onnx may follow: it keeps what it can know of each of them."""


_LARGEST = 2**40
"""A size after which products of sizes, which onnx does not check, overflow."""


def defuse(graph: GraphProto) -> bool:
    """Take contents that do not fit out of stored tensors; say whether all of it may be inferred.

    Where it may not, single nodes still may, but for those that `hazard` names.
    """
    safe = all(
        is_sane([dim.dim_value for dim in info.type.tensor_type.shape.dim]) for info in graph.input
    )
    graphs = [graph]
    while graphs:
        current = graphs.pop()
        for tensor in current.initializer:
            safe = _mend(tensor) and safe
        for node in current.node:
            op = node.op_type
            if op == "Constant":
                for attribute in node.attribute:
                    safe = (not attribute.HasField("t") or _mend(attribute.t)) and safe
            elif op in _BODIES:
                graphs.extend(_bodies(node))
            elif op in _HAZARDS and hazard(node) is not None:
                safe = False
    return safe


def hazard(node: NodeProto) -> str | None:
    """Return why a node must not be given to onnx's inference."""
    check = _HAZARDS.get(node.op_type)
    return None if check is None else check(node)


def _split(node: NodeProto) -> str | None:
    """Split into another number of parts than there are outputs."""
    for attribute in node.attribute:
        if attribute.name == "num_outputs" and attribute.i != len(node.output):
            return f"it splits into {attribute.i} parts, but has {len(node.output)} outputs"
        if attribute.name == "split" and len(attribute.ints) != len(node.output):
            return f"it splits into {len(attribute.ints)} parts, but has {len(node.output)} outputs"
    return None


_HAZARDS: Mapping[str, Callable[[NodeProto], str | None]] = {"Split": _split}


def is_long(shape: Shape) -> bool:
    """Whether a tensor is a vector that is too long for onnx to follow."""
    return len(shape) == 1 and isinstance(shape[0], int) and shape[0] > _LONGEST


def is_sane(dims: Sequence[int]) -> bool:
    """Whether onnx's arithmetic of these sizes stays in its bounds."""
    return not dims or (min(dims) >= 0 and max(dims) <= _LARGEST and not is_long(tuple(dims)))


def _mend(tensor: TensorProto) -> bool:
    """Take out contents that do not fit; say whether onnx may see the tensor."""
    dims = tensor.dims[:]
    if not _fits(tensor, dims):
        code, name = tensor.data_type, tensor.name
        tensor.Clear()
        tensor.dims.extend(dims)
        tensor.data_type, tensor.name = code, name
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="#elided")
    return is_sane(dims)


def _fits(tensor: TensorProto, dims: Sequence[int]) -> bool:
    """Whether a tensor has as many numbers as its dimensions say."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return True
    dtype = DType.from_onnx(tensor.data_type)
    if dtype is None or (dims and min(dims) < 0):
        return False
    elements = prod(dims)
    if raw := len(tensor.raw_data):
        return dtype.bits == 0 or raw == dtype.storage(elements)
    field = _FIELDS.get(tensor.data_type)
    return field is None or len(getattr(tensor, field)) == elements


def _bodies(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
