"""Calls on which onnx's shape inference aborts the process or never ends.

Each check here was derived from a call that did one or the other (onnx 1.23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from archlint.graph.value import Shape

if TYPE_CHECKING:
    import numpy as np
    from onnx import NodeProto, TypeProto

_LONGEST = 2**20
"""Longest vector of sizes to pass to onnx, which propagates every element of it."""

Types: TypeAlias = "Mapping[str, TypeProto]"
Contents: TypeAlias = "Mapping[str, np.ndarray]"


def hazard(node: NodeProto, types: Types, contents: Contents) -> str | None:
    """Return why a node must not be passed to onnx's inference, None where it may."""
    check = _HAZARDS.get(node.op_type)
    return None if check is None else check(node, types, contents)


def is_long(shape: Shape) -> bool:
    """Whether a tensor is a vector that is too long for onnx to follow."""
    return len(shape) == 1 and isinstance(shape[0], int) and shape[0] > _LONGEST


def _split(node: NodeProto, _: Types, __: Contents) -> str | None:
    """Split into another number of parts than there are outputs."""
    for attribute in node.attribute:
        parts = None
        if attribute.name == "num_outputs":
            parts = attribute.i
        elif attribute.name == "split":
            parts = len(attribute.ints)
        if parts is not None and parts != len(node.output):
            return f"it splits into {parts} parts, but has {len(node.output)} outputs"
    return None


def _slice(node: NodeProto, types: Types, contents: Contents) -> str | None:
    """Walk backwards through an axis of size 0."""
    data = types.get(node.input[0]) if node.input else None
    if data is None or all(dim.dim_value or dim.dim_param for dim in data.tensor_type.shape.dim):
        return None
    if len(node.input) < 5 or not node.input[4]:
        return None
    steps = contents.get(node.input[4])
    if steps is not None and (steps > 0).all():
        return None
    return "it walks backwards through an axis that may be empty"


_HAZARDS: Mapping[str, Callable[[NodeProto, Types, Contents], str | None]] = {
    "Slice": _slice,
    "Split": _split,
}
