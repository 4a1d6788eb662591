"""Small tensors worked out without running the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.constant import add_constant

if TYPE_CHECKING:
    from onnx import NodeProto

    from archlint.graph.node import Node
    from archlint.graph.scope import Scope


def fold(node: Node, proto: NodeProto, scope: Scope) -> None:
    """Work out the outputs of `node` where its operands are known and small."""
    if node.op == "Constant" and not node.domain:
        add_constant(node, proto, scope)
