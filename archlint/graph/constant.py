"""Constant nodes: their small values are known, their big ones are stored weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto

from archlint.graph import tensor
from archlint.graph.stored import entries
from archlint.graph.value import Provenance, Role
from archlint.graph.weight import Weight

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

    from archlint.graph.node import Node
    from archlint.graph.scope import Scope


def add_constant(node: Node, proto: NodeProto, scope: Scope) -> None:
    """Add the contents of a Constant node's output, or the output as a stored weight."""
    name = node.output
    if not name or not proto.attribute:
        return
    attribute = proto.attribute[0]
    if attribute.type == AttributeProto.SPARSE_TENSOR:
        described = tensor.sparse_value(name, attribute.sparse_tensor)
        scope.learn(name, described.dtype, described.shape, Provenance.DECLARED)
        _keep(name, attribute.sparse_tensor.values, scope)
    elif attribute.HasField("t"):
        described = tensor.value(name, attribute.t)
        scope.learn(name, described.dtype, described.shape, Provenance.DECLARED)
        contents = tensor.contents(attribute.t, described)
        if contents is not None:
            scope.constants[name] = contents
        elif not tensor.is_small(described):
            _keep(name, attribute.t, scope)
    else:
        contents = _plain(node)
        if contents is not None:
            scope.constants[name] = contents


def _keep(name: str, stored: TensorProto, scope: Scope) -> None:
    """Take a constant as a stored weight; integer tables are not trained, but are stored too."""
    metadata = entries(stored.metadata_props)
    scope.weights[name] = Weight(name, metadata, tensor.is_external(stored))
    scope.values[name] = replace(scope.values[name], role=Role.STORED)


def _plain(node: Node) -> np.ndarray | None:
    """Return the contents of a constant that is given as numbers."""
    for key, dtype, most in (
        ("value_int", np.int64, tensor.LARGEST_INTEGERS),
        ("value_ints", np.int64, tensor.LARGEST_INTEGERS),
        ("value_float", np.float32, tensor.LARGEST_FLOATS),
        ("value_floats", np.float32, tensor.LARGEST_FLOATS),
    ):
        if key in node.attributes:
            contents = np.array(node.attributes[key], dtype)
            return contents if contents.size <= most else None
    return None
