"""The shapes of one node, from what is known now: inferred again, or as the file declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.call_inference import infer_call
from archlint.graph.conflict import Conflict
from archlint.graph.contributed.infer import infer
from archlint.graph.gaps import fill
from archlint.graph.sequences import follow
from archlint.graph.value import Provenance, Shape

if TYPE_CHECKING:
    from onnx import NodeProto

    from archlint.graph.context import Context
    from archlint.graph.node import Node
    from archlint.graph.scope import Scope


def refine(node: Node, proto: NodeProto, scope: Scope, context: Context) -> None:
    """Work out the outputs of a node that have no full shape yet."""
    # onnx's inference of the whole model sees no contents from outside in the graphs in nodes.
    inner = scope.outer is not None
    if context.whole and (inner or not scope.changed.isdisjoint(node.inputs)):
        _again(node, proto, scope, context)
    try:
        infer(node, proto, scope, context)
        fill(node, scope)
        follow(node, scope)
    except (ArithmeticError, LookupError) as error:
        reason = f"inputs are missing or wrong: {error}"
        scope.unknown.update((name, reason) for name in node.outputs)
    if context.declared and scope.outer is None:
        for name in node.outputs:
            if name in scope.open and name in context.declared:
                declared = context.types.read(context.declared[name])
                scope.learn(name, declared.dtype, declared.shape, Provenance.DECLARED)


def _again(node: Node, proto: NodeProto, scope: Scope, context: Context) -> None:
    """Infer a node with what is known now, which is more than onnx knew."""
    found = infer_call(node, proto, scope, context)
    if isinstance(found, str):
        scope.unknown.update((name, found) for name in node.outputs if name in scope.open)
        return
    for name, raw in zip(node.outputs, found, strict=True):
        if raw is not None and name in scope.open:
            described = context.types.read(raw)
            if described.tensor:
                scope.learn(name, described.dtype, described.shape, Provenance.INFERRED)
            elif scope.types.get(name) != raw:
                scope.types[name] = raw
                scope.changed.add(name)


def compare(outputs: tuple[str, ...], scope: Scope, context: Context) -> None:
    """Note where the file declares another shape than the one that was inferred."""
    for name in outputs:
        raw = context.declared.get(name)
        if raw is None:
            continue
        declared, shape = context.types.read(raw).shape, scope.values[name].shape
        if declared == shape or declared is None or shape is None:
            continue
        if _contradict(declared, shape):
            scope.conflicts.append(Conflict(name, declared, shape))


def _contradict(declared: Shape, inferred: Shape) -> bool:
    return len(declared) != len(inferred) or any(
        isinstance(a, int) and isinstance(b, int) and a != b
        for a, b in zip(declared, inferred, strict=True)
    )
