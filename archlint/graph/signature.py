"""The key of a call for shape inference: models repeat a few calls many times."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeAlias

from onnx import AttributeProto

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from onnx import NodeProto

    from archlint.graph.node import Node
    from archlint.graph.scope import Scope

Signature: TypeAlias = Hashable

Written: TypeAlias = tuple[bytes, ...]
"""The attributes of a call, each as the file has it."""

# A graph sees the tensors around it; a file of the first version does not say what is one.
_GRAPHS = frozenset({AttributeProto.UNDEFINED, AttributeProto.GRAPH, AttributeProto.GRAPHS})

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


def written(proto: NodeProto) -> Written | None:
    """Return the attributes of a node as the file has them; None where a graph is among them."""
    attributes = proto.attribute[:]
    if not attributes:
        return ()
    if not _GRAPHS.isdisjoint(each.type for each in attributes):
        return None
    return tuple([each.SerializeToString() for each in attributes])


def signature(
    node: Node, attributes: Written | None, scope: Scope, contents: Mapping[str, np.ndarray]
) -> Signature | None:
    """Return a key under which equal calls have equal output types.

    None for calls that are given sequences or graphs.

    It is made of the operator, its attributes as the file has them, the types of its inputs, the
    contents of those that may decide about shapes, and which outputs there are.
    """
    if attributes is None:
        return None
    inputs: list[Hashable] = []
    for name in node.inputs:
        if name in scope.types:
            return None
        value = scope.values.get(name)
        inputs.append(None if value is None else (value.dtype, value.shape))
        if name in contents:
            inputs.append(contents[name].tobytes())
    present = tuple([bool(name) for name in node.outputs])
    return (node.op, node.domain, attributes, tuple(inputs), present)
