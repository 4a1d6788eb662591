"""Shape inference by onnx, run once for all calls that are equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archlint.graph.control_flow import CONTROL_FLOW
from archlint.graph.inference import Objection
from archlint.graph.lookup import missing_row
from archlint.graph.signature import shape_operands, signature

if TYPE_CHECKING:
    import numpy as np
    from onnx import NodeProto

    from archlint.graph.context import Context, Outcome
    from archlint.graph.node import Node
    from archlint.graph.scope import Scope
    from archlint.graph.signature import Written

# Operators whose outputs are known in another way: from their contents, or from their graphs.
_HANDLED = CONTROL_FLOW | {"Constant"}


def infer_call(
    node: Node, proto: NodeProto, attributes: Written | None, scope: Scope, context: Context
) -> Outcome:
    """Return the types of the outputs of a node, or the reason why they are not known.

    `attributes` are those of the node as the file has them. The reason is empty where the outputs
    are worked out in another way. Raises `InvalidGraph` where the call lacks what its operator
    needs.
    """
    if node.op in _HANDLED and not node.domain:
        context.inference.check(node)
        return ""
    contents = shape_operands(node, scope)
    key = signature(node, attributes, scope, contents)
    found = context.known.get(key) if key is not None else None
    if found is None:  # an equal call that is known was looked at
        context.inference.check(node)
    if context.rebatch is not None:
        adopted = context.rebatch.adopt(proto, scope)
        if adopted is not None:
            return _listed(node, context.inference.infer(proto, adopted, contents))
    refusal = missing_row(node, scope)
    if refusal is not None:
        return refusal
    if found is None:
        found = _ask(node, proto, scope, context, contents)
        if key is not None:
            context.known[key] = found
    if isinstance(found, str) and context.rebatch is not None:
        adopted = context.rebatch.adopt(proto, scope, refused=True)
        if adopted is not None:
            found = _listed(node, context.inference.infer(proto, adopted, contents))
    return found


def _ask(
    node: Node,
    proto: NodeProto,
    scope: Scope,
    context: Context,
    contents: Mapping[str, np.ndarray],
) -> Outcome:
    """Let onnx infer a node."""
    names = [name for name in node.inputs if name]
    types = {name: scope.type_of(name) for name in names}
    found = _listed(node, context.inference.infer(proto, types, contents))
    if isinstance(found, Objection) and any(scope.values[name].dtype is None for name in names):
        return str(found)  # to types that are not known here: the call itself may be right
    return found


def _listed(node: Node, found: Mapping[str, bytes] | str) -> Outcome:
    """Return the types of the outputs in their order, so that they fit other nodes too."""
    if isinstance(found, str):
        return found
    return tuple([found.get(name) if name else None for name in node.outputs])
