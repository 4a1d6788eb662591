"""Shapes that onnx does not infer: from archlint's own rules, or as the file declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.conflict import Conflict
from archlint.graph.inference.gaps import fill
from archlint.graph.inference.sequences import follow
from archlint.graph.inference.symbolic import resolve
from archlint.graph.value import Provenance, Shape

if TYPE_CHECKING:
    from onnx import NodeProto

    from archlint.graph.node import Node
    from archlint.graph.reading.context import Context
    from archlint.graph.reading.scope import Scope


_ALSO_STANDARD = frozenset({"SimplifiedLayerNormalization"})
"""What onnxruntime adds to the standard domain."""


def refine(node: Node, proto: NodeProto, scope: Scope, context: Context) -> None:
    """Infer the outputs of a node that have no full shape yet."""
    is_constant = node.op == "Constant" and not node.domain
    if is_constant and context.declared.keys().isdisjoint(node.outputs):
        return  # its contents, which are read next, determine the shape
    try:
        if node.domain or node.op in _ALSO_STANDARD:
            from archlint.graph.inference.contributed.infer import infer

            infer(node, proto, scope, context)
        fill(node, scope)
        follow(node, scope)
        resolve(node, scope)
    except (ArithmeticError, LookupError) as error:
        reason = f"inputs are missing or wrong: {error}"
        scope.unknown.update((name, reason) for name in node.outputs)
    if context.declared and scope.outer is None:
        for name in node.outputs:
            if name in scope.open and name in context.declared:
                declared = context.types.read(context.declared[name])
                scope.learn(name, declared.dtype, declared.shape, Provenance.DECLARED)


def compare(outputs: tuple[str, ...], scope: Scope, context: Context) -> None:
    """Record where the file declares a different shape than the inferred one."""
    for name in filter(None, outputs):
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
