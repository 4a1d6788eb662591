"""The initializers of a graph, as stored tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from types import MappingProxyType
from typing import TYPE_CHECKING

from archlint.graph import tensor
from archlint.graph.program.origin import FOLDED_FROM
from archlint.graph.weight import Weight

if TYPE_CHECKING:
    from onnx import GraphProto, StringStringEntryProto

    from archlint.graph.reading.scope import Scope


_NOTHING: Mapping[str, str] = MappingProxyType({})


def add_stored(proto: GraphProto, scope: Scope) -> None:
    """Add the initializers of a graph to its scope, with the contents of small ones."""
    folded = _folded(proto)
    for stored in proto.initializer:
        name = intern(stored.name)
        scope.values[name] = value = tensor.value(name, stored)
        metadata = entries(stored.metadata_props)
        if name in folded:
            metadata = {**metadata, FOLDED_FROM: folded[name]}
        scope.weights[name] = Weight(name, metadata, tensor.is_external(stored))
        contents = tensor.contents(stored, value)
        if contents is not None:
            scope.constants[name] = contents
    for sparse in proto.sparse_initializer:
        values = sparse.values
        scope.values[values.name] = tensor.sparse_value(values.name, sparse)
        scope.weights[values.name] = Weight(
            values.name, entries(values.metadata_props), tensor.is_external(values)
        )


def _folded(proto: GraphProto) -> Mapping[str, str]:
    """Return the tensors that an optimizer folded, which it records with the types of tensors."""
    return {
        info.name: entry.value
        for info in proto.value_info
        for entry in info.metadata_props
        if entry.key == FOLDED_FROM
    }


def entries(properties: Sequence[StringStringEntryProto]) -> Mapping[str, str]:
    """Return metadata properties as a mapping."""
    return {entry.key: entry.value for entry in properties} if properties else _NOTHING
