"""Output shapes of operators without a domain that onnx's inference does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.dtype import DType
from archlint.graph.value import Provenance

if TYPE_CHECKING:
    from archlint.graph.node import Node
    from archlint.graph.scope import Scope

# Operators of onnxruntime's optimizer that it writes without a domain, and that keep the shape.
_KEEPING = frozenset({"SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization"})


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
