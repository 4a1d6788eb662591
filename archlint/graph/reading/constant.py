"""Constant nodes: small ones become known values, large ones stored weights."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from onnx import AttributeProto

from archlint.graph import tensor
from archlint.graph.dtype import DType
from archlint.graph.reading.stored import entries
from archlint.graph.value import Provenance, Role
from archlint.graph.weight import Weight

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

    from archlint.graph.node import Attribute, Node
    from archlint.graph.reading.scope import Scope


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
        contents = node.attributes.get(attribute.name)
        if isinstance(contents, np.ndarray):
            scope.constants[name] = contents
        elif not tensor.is_small(described):
            _keep(name, attribute.t, scope)
    else:
        _add_plain(node, name, scope)


def _add_plain(node: Node, name: str, scope: Scope) -> None:
    """Add a constant that is given as numbers or strings."""
    for key, (dtype, most) in _PLAIN.items():
        given = node.attributes.get(key)
        if given is None or not _is_plain(given, dtype):
            continue
        shape = (len(given),) if isinstance(given, tuple) else ()
        scope.learn(name, dtype, shape, Provenance.DECLARED)
        if dtype is not DType.STRING and prod(shape) <= most:
            scope.constants[name] = np.array(given, dtype.value)


def _is_plain(given: Attribute, dtype: DType) -> bool:
    """Whether an attribute has the type that its name implies: strings or numbers."""
    kinds = (str,) if dtype is DType.STRING else (int, float)
    return all(
        isinstance(each, kinds) for each in (given if isinstance(given, tuple) else (given,))
    )


_PLAIN: Mapping[str, tuple[DType, int]] = {
    "value_int": (DType.INT64, tensor.LARGEST_INTEGERS),
    "value_ints": (DType.INT64, tensor.LARGEST_INTEGERS),
    "value_float": (DType.FLOAT32, tensor.LARGEST_FLOATS),
    "value_floats": (DType.FLOAT32, tensor.LARGEST_FLOATS),
    "value_string": (DType.STRING, 0),
    "value_strings": (DType.STRING, 0),
}


def _keep(name: str, stored: TensorProto, scope: Scope) -> None:
    """Add a constant as a stored weight; integer tables are not trained, but stored as well."""
    metadata = entries(stored.metadata_props)
    scope.weights[name] = Weight(name, metadata, tensor.is_external(stored))
    scope.values[name] = replace(scope.values[name], role=Role.STORED)
