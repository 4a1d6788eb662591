"""Output shapes of standard operators that onnx's inference leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.dtype import DType
from archlint.graph.inference.symbolic import broadcast
from archlint.graph.value import Provenance

if TYPE_CHECKING:
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope

# Operators that preserve the shape: those that onnx defines as functions without inference, and
# those that onnxruntime's optimizer writes without a domain.
_KEEPING = frozenset(
    {
        "GroupNormalization",
        "MeanVarianceNormalization",
        "SimplifiedLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    }
)
_COMPARING = frozenset({"GreaterOrEqual", "LessOrEqual"})  # functions too, up to opset 15


def fill(node: Node, scope: Scope) -> None:
    """Give the outputs of a node the shapes that follow from its definition."""
    if node.domain or not node.inputs or not node.inputs[0]:
        return
    data = scope.values[node.inputs[0]]
    if node.op == "Dropout":
        # The mask has the shape of the data (Dropout-7; it has booleans since Dropout-10).
        mask = node.outputs[1] if len(node.outputs) > 1 else ""
        if mask in scope.open:
            dtype = scope.values[mask].dtype or DType.BOOL
            scope.learn(mask, dtype, data.shape, Provenance.INFERRED)
    elif node.op in _KEEPING and node.outputs[0] in scope.open:
        scope.learn(node.outputs[0], data.dtype, data.shape, Provenance.INFERRED)
    elif node.op in _COMPARING and node.outputs[0] in scope.open:
        other = scope.values[node.inputs[1]]
        if data.shape is not None and other.shape is not None:
            shape = broadcast(data.shape, other.shape)
            scope.learn(node.outputs[0], DType.BOOL, shape, Provenance.INFERRED)
    elif node.op == "OneHot" and node.outputs[0] in scope.open:
        _fill_one_hot(node, scope)


def _fill_one_hot(node: Node, scope: Scope) -> None:
    """Give OneHot its new axis where the depth is known."""
    shape, depth = scope.values[node.outputs[0]].shape, scope.constants.get(node.inputs[1])
    axis = node.attributes.get("axis", -1)
    if shape is None or depth is None or depth.size != 1 or not isinstance(axis, int):
        return
    if -len(shape) <= axis < len(shape):
        known = list(shape)
        known[axis] = int(depth.reshape(-1)[0])
        scope.learn(node.outputs[0], None, tuple(known), Provenance.INFERRED)
