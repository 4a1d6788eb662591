"""Converts attributes of operators to plain Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from onnx import AttributeProto

from archlint.graph import tensor

if TYPE_CHECKING:
    from onnx import GraphProto

    from archlint.graph.graph import Graph
    from archlint.graph.node import Attribute


def plain(proto: AttributeProto, nested: Callable[[GraphProto], Graph]) -> Attribute | None:
    """Return the attribute as plain Python; None for kinds that no operator's facets read.

    A tensor becomes its contents where it is small or constant, else its description as a Value.
    `nested` converts a subgraph to a Graph.
    """
    kind = proto.type or _kind(proto)
    if kind == AttributeProto.GRAPH:
        return nested(proto.g)
    reader = _READERS.get(kind)
    return None if reader is None else reader(proto)


def _tensor(proto: AttributeProto) -> Attribute:
    described = tensor.value(proto.t.name, proto.t)
    contents = tensor.contents(proto.t, described)
    if contents is None:
        contents = tensor.uniform(proto.t, described)
    return described if contents is None else contents


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _sparse(proto: AttributeProto) -> Attribute:
    return tensor.sparse_value(proto.sparse_tensor.values.name, proto.sparse_tensor)


_READERS: Mapping[int, Callable[[AttributeProto], Attribute]] = {
    AttributeProto.INT: lambda proto: proto.i,
    AttributeProto.INTS: lambda proto: tuple(proto.ints[:]),
    AttributeProto.FLOAT: lambda proto: proto.f,
    AttributeProto.FLOATS: lambda proto: tuple(proto.floats[:]),
    AttributeProto.STRING: lambda proto: _text(proto.s),
    AttributeProto.STRINGS: lambda proto: tuple(
        s.decode("utf-8", "replace") for s in proto.strings
    ),
    AttributeProto.TENSOR: _tensor,
    AttributeProto.SPARSE_TENSOR: _sparse,
}


def _kind(proto: AttributeProto) -> int:
    """Infer the type of an attribute in a file of the first IR version, which did not state it."""
    for field, kind in (
        ("i", AttributeProto.INT),
        ("f", AttributeProto.FLOAT),
        ("s", AttributeProto.STRING),
        ("t", AttributeProto.TENSOR),
        ("g", AttributeProto.GRAPH),
    ):
        if proto.HasField(field):
            return kind
    for field, kind in (
        ("ints", AttributeProto.INTS),
        ("floats", AttributeProto.FLOATS),
        ("strings", AttributeProto.STRINGS),
    ):
        if len(getattr(proto, field)):
            return kind
    return AttributeProto.UNDEFINED
