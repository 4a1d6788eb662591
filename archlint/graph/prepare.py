"""A model made ready for shape inference: sizes bound, odd names cleaned, stale shapes dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import AttributeProto, ModelProto

from archlint.graph.binding import Bound, bind_inputs
from archlint.graph.functions import inline_functions
from archlint.graph.typeproto import read, write
from archlint.graph.value import Provenance, Role, Value

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

    from archlint.graph.bindings import Bindings

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training"})
_NO_SIZES: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A copy of a model with its inputs bound.

    `inputs` are the inputs that the caller gives. `declared` holds the serialized types that the
    file gives to tensors inside; it is empty where a fixed size was changed, since they are then
    those of another model.
    """

    model: ModelProto
    inputs: Mapping[str, Value]
    bound: Bound
    declared: Mapping[str, bytes]


def prepare(original: ModelProto, bindings: Bindings) -> Prepared:
    """Return a copy of the model that is ready for shape inference; the original is untouched.

    Raises:
        InvalidGraph: functions that call themselves, or that expand beyond all bounds.

    """
    model = inline_functions(original)
    if model is original:
        model = ModelProto()
        model.CopyFrom(original)
    graph = model.graph
    given = _given(graph)
    types = {info.name: read(info.type, _NO_SIZES) for info in given}
    bound = bind_inputs({name: shape for name, (_, shape) in types.items()}, bindings)
    inputs = {}
    for info in given:
        dtype, before = types[info.name]
        shape = bound.shapes[info.name]
        provenance = Provenance.DECLARED if before == shape else Provenance.BOUND
        if shape is None:
            provenance = Provenance.UNKNOWN
        inputs[info.name] = value = Value(info.name, dtype, shape, Role.INPUT, provenance)
        if shape is not None:
            info.type.CopyFrom(write(value))
    declared = {} if bound.resized else _declared(graph)
    _drop_declared(model, resized=bound.resized)
    return Prepared(model, inputs, bound, declared)


def _given(graph: GraphProto) -> list[ValueInfoProto]:
    """Return the inputs that are not also stored."""
    stored = {tensor.name for tensor in graph.initializer}
    stored.update(tensor.values.name for tensor in graph.sparse_initializer)
    return [info for info in graph.input if info.name not in stored]


def _declared(graph: GraphProto) -> dict[str, bytes]:
    """Return the serialized types that the file declares for computed tensors."""
    declared = {info.name: info.type.SerializeToString() for info in graph.value_info}
    declared.update((info.name, info.type.SerializeToString()) for info in graph.output)
    return declared


def _drop_declared(model: ModelProto, *, resized: bool) -> None:
    """Drop declared shapes, so that what is inferred stands on the inputs alone.

    Outputs of operators that onnx does not know keep theirs: there is nothing else. In the graphs
    inside nodes they are dropped only where a size was changed.
    """
    graph = model.graph
    if resized:
        _strip_nested(graph)
    foreign = {opset.domain for opset in model.opset_import} - STANDARD_DOMAINS
    kept = []
    if foreign and not resized:
        names = {name for node in graph.node if node.domain in foreign for name in node.output}
        kept = [info for info in graph.value_info if info.name in names]
    _strip(graph)
    graph.value_info.extend(kept)


def _strip(graph: GraphProto) -> None:
    del graph.value_info[:]
    for output in graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")


def _strip_nested(graph: GraphProto) -> None:
    """Drop the declared shapes of the graphs in the nodes of a graph."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                _strip(attribute.g)
                _strip_nested(attribute.g)
