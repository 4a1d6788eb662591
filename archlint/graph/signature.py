"""What the inference of a node depends on: models repeat a few calls many times."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from onnx import NodeProto

    from archlint.graph.node import Node
    from archlint.graph.scope import Scope

Signature: TypeAlias = Hashable

# Operators whose output sizes follow from floating-point numbers.
_SCALED = frozenset({"Range", "Resize", "Upsample"})


def shape_operands(node: Node, scope: Scope) -> Mapping[str, np.ndarray]:
    """Return the known contents of the inputs that may decide about shapes."""
    constants = scope.constants
    found = {}
    for name in node.inputs:
        array = constants.get(name)
        if array is not None and (array.dtype.kind != "f" or node.op in _SCALED):
            found[name] = array
    return found


def signature(
    node: Node, proto: NodeProto, scope: Scope, contents: Mapping[str, np.ndarray]
) -> Signature | None:
    """Return a key under which equal calls have equal output types; None for those of sequences.

    It is made of the operator, its attributes, the types of its inputs, the contents of those that
    may decide about shapes, and which outputs there are.
    """
    inputs: list[Hashable] = []
    for name in node.inputs:
        if name in scope.types:
            return None
        value = scope.values.get(name)
        inputs.append(None if value is None else (value.dtype, value.shape))
        if name in contents:
            inputs.append(contents[name].tobytes())
    attributes = tuple([attribute.SerializeToString() for attribute in proto.attribute[:]])
    present = tuple([bool(name) for name in node.outputs])
    return (node.op, node.domain, attributes, tuple(inputs), present)
