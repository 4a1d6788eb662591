"""A model made ready for shape inference: sizes bound, odd names cleaned, stale shapes dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from onnx import AttributeProto, ModelProto

from archlint.graph.binding import Bound, bind_inputs
from archlint.graph.functions import inline_functions
from archlint.graph.hazards import defuse, is_sane
from archlint.graph.typeproto import read, write
from archlint.graph.value import Provenance, Role, Value
from archlint.record import record

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

    from archlint.graph.bindings import Bindings

_NO_SIZES: Mapping[str, int] = {}


@record
class Prepared:
    """A copy of a model with its inputs bound.

    `inputs` are the inputs that the caller gives. `declared` holds the serialized types that the
    file gives to tensors inside; it is empty where a fixed size was changed, since they are then
    those of another model. `unused` are names of the target that no dimension has. `whole`
    says that onnx may infer the whole model at once.
    """

    model: ModelProto
    inputs: Mapping[str, Value]
    bound: Bound
    declared: Mapping[str, bytes]
    unused: tuple[str, ...]
    whole: bool


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
    safe = defuse(graph)
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
    _drop_declared(graph, resized=bound.resized)
    unused = bound.unused
    if unused:
        symbols = _symbols(original.graph)
        unused = tuple(name for name in unused if name not in symbols)
    whole = safe and not bound.resized and _is_open(bound)
    return Prepared(model, inputs, bound, declared, unused, whole)


def _is_open(bound: Bound) -> bool:
    """Whether an input has a symbol or an unknown size, none of which is out of bounds.

    Only then onnx's inference of the whole model knows more than that of one node after the other:
    it follows symbols through the arithmetic of shapes.
    """
    sizes = [dim for shape in bound.shapes.values() for dim in shape or (None,)]
    known = [size for size in sizes if isinstance(size, int)]
    return len(known) < len(sizes) and is_sane(known)


def _symbols(graph: GraphProto) -> set[str]:
    """Return the names of dimensions that the file declares of computed tensors."""
    return {
        dim.dim_param.strip()
        for infos in (graph.value_info, graph.output)
        for info in infos
        for dim in info.type.tensor_type.shape.dim
    }


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


def _drop_declared(graph: GraphProto, *, resized: bool) -> None:
    """Drop declared shapes, so that what is inferred stands on the inputs alone.

    In the graphs inside nodes they are dropped only where a size was changed.
    """
    _strip(graph)
    if resized:
        _strip_nested(graph)


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
                for info in attribute.g.input:
                    if info.type.HasField("tensor_type"):
                        info.type.tensor_type.ClearField("shape")
                _strip(attribute.g)
                _strip_nested(attribute.g)
