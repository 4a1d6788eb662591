"""The output types of one call, inferred by onnx once for all equal calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archlint.graph.control_flow.operators import CONTROL_FLOW
from archlint.graph.inference.lookup import missing_row
from archlint.graph.inference.standard import Objection
from archlint.graph.reading.kind import CallKind

if TYPE_CHECKING:
    import numpy as np
    from onnx import NodeProto

    from archlint.graph.node import Node
    from archlint.graph.reading.context import Context, Outcome
    from archlint.graph.reading.kind import CallKey
    from archlint.graph.reading.scope import Scope

# Operators that are inferred in another way: from their contents, or from their subgraphs.
_HANDLED = CONTROL_FLOW | {"Constant"}

# Operators whose output sizes follow from floating-point numbers.
_SCALED = frozenset({"Range", "Resize", "Upsample"})


def infer_call(
    node: Node, proto: NodeProto, key: CallKey | None, scope: Scope, context: Context
) -> Outcome:
    """Return the types of the outputs of a node, or the reason why they are not known.

    `key` identifies equal calls, whose result is cached. The reason is empty where the outputs are
    inferred in another way. Raises `InvalidGraph` where a required input or attribute is missing.
    """
    if node.op in _HANDLED and not node.domain:
        context.inference.check(node)
        return ""
    known = context.kinds.calls.get(key)
    if known is None:  # equal calls are checked once
        context.inference.check(node)
    if context.rebatch is not None:
        adopted = context.rebatch.adopt(proto, scope)
        if adopted is not None:
            return _listed(node, context.inference.infer(proto, adopted, _operands(node, scope)))
    refusal = missing_row(node, scope)
    if refusal is not None:
        return refusal
    found = _ask(node, proto, scope, context) if known is None else known.inferred
    if known is None and key is not None:
        context.kinds.calls[key] = CallKind(found)
    if isinstance(found, str) and context.rebatch is not None:
        adopted = context.rebatch.adopt(proto, scope, refused=True)
        if adopted is not None:
            found = _listed(node, context.inference.infer(proto, adopted, _operands(node, scope)))
    return found


def _operands(node: Node, scope: Scope) -> Mapping[str, np.ndarray]:
    """Return the known contents of the inputs that may decide about shapes."""
    constants = scope.constants
    found = {}
    for name in node.inputs:
        array = constants.get(name)
        if array is not None and (array.dtype.kind != "f" or node.op in _SCALED):
            found[name] = array
    return found


def _ask(node: Node, proto: NodeProto, scope: Scope, context: Context) -> Outcome:
    """Let onnx infer a node."""
    names = [name for name in node.inputs if name]
    types = {name: scope.type_of(name) for name in names}
    found = _listed(node, context.inference.infer(proto, types, _operands(node, scope)))
    if isinstance(found, Objection) and any(scope.values[name].dtype is None for name in names):
        return str(found)  # to types that are not known here: the call itself may be right
    return found


def _listed(node: Node, found: Mapping[str, bytes] | str) -> Outcome:
    """Return the types of the outputs in their order, so that they fit other nodes too."""
    if isinstance(found, str):
        return found
    return tuple([found.get(name) if name else None for name in node.outputs])
