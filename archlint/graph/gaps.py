"""Output shapes of operators that onnx's inference does not know, where they are simple.

These are the operators of onnxruntime's optimizer (domain com.microsoft), as its documentation of
contributed operators defines them, and the mask of old Dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from archlint.graph.dtype import DType
from archlint.graph.value import Provenance, Shape, Value

if TYPE_CHECKING:
    from archlint.graph.node import Node
    from archlint.graph.scope import Scope

Filler: TypeAlias = Callable[["Node", list[Value | None]], Shape | None]


def fill(node: Node, scope: Scope) -> None:
    """Give the outputs of a node the shapes that follow from its definition."""
    if node.op == "Dropout" and not node.domain:
        _dropout(node, scope)
        return
    filler = _FILLERS.get(node.op)
    if filler is None or not node.outputs or node.outputs[0] not in scope.open:
        return
    inputs = [scope.values[name] if name else None for name in node.inputs]
    if not inputs or inputs[0] is None:
        return
    shape = filler(node, inputs)
    if shape is not None:
        dtype = None if node.op in _RETYPED else inputs[0].dtype
        scope.learn(node.outputs[0], dtype, shape, Provenance.INFERRED)


def _dropout(node: Node, scope: Scope) -> None:
    """The mask of Dropout has the shape of its data (Dropout-7; typed since Dropout-10)."""
    mask = node.outputs[1] if len(node.outputs) > 1 else ""
    if mask in scope.open:
        data = scope.values[node.inputs[0]]
        scope.learn(mask, scope.values[mask].dtype or DType.BOOL, data.shape, Provenance.INFERRED)


def _same(_: Node, inputs: list[Value | None]) -> Shape | None:
    """The output has the shape of the first input."""
    return inputs[0].shape if inputs[0] is not None else None


def _matmul_bits(node: Node, inputs: list[Value | None]) -> Shape | None:
    """A product with a matrix of N columns, packed to a few bits."""
    shape, columns = _same(node, inputs), node.attributes.get("N")
    return (*shape[:-1], columns) if shape and isinstance(columns, int) else None


def _attention(node: Node, inputs: list[Value | None]) -> Shape | None:
    """Attention with packed weights (hidden, 3 x hidden): the output is as wide as the values."""
    shape, weights = _same(node, inputs), inputs[1] if len(inputs) > 1 else None
    sizes = node.attributes.get("qkv_hidden_sizes")
    if not shape or len(shape) != 3:
        return None
    if isinstance(sizes, tuple) and isinstance(sizes[-1], int):
        return (*shape[:2], sizes[-1])
    columns = weights.sizes[-1] if weights is not None and weights.sizes else None
    return (*shape[:2], columns // 3) if columns else None


def _multi_head(node: Node, inputs: list[Value | None]) -> Shape | None:
    """Attention of separate query, key and value (batch, sequence, hidden)."""
    shape, value = _same(node, inputs), inputs[2] if len(inputs) > 2 else None
    if not shape or len(shape) != 3 or value is None or not value.shape or len(value.shape) != 3:
        return None
    return (*shape[:2], value.shape[-1])


# Operators whose output has another element type than their first input.
_RETYPED = frozenset({"QuantizeLinear", "DequantizeLinear"})

_FILLERS: Mapping[str, Filler] = {
    **dict.fromkeys(
        (
            "BiasGelu",
            "BiasSoftmax",
            "BiasSplitGelu",
            "DequantizeLinear",
            "FastGelu",
            "Gelu",
            "GemmaRotaryEmbedding",
            "GroupNorm",
            "GroupQueryAttention",
            "QLinearLeakyRelu",
            "QLinearSigmoid",
            "QLinearSoftmax",
            "QuantizeLinear",
            "QuickGelu",
            "RotaryEmbedding",
            "SimplifiedLayerNormalization",
            "SkipGroupNorm",
            "SkipLayerNormalization",
            "SkipSimplifiedLayerNormalization",
        ),
        _same,
    ),
    "Attention": _attention,
    "MatMulBnb4": _matmul_bits,
    "MatMulNBits": _matmul_bits,
    "MultiHeadAttention": _multi_head,
}
