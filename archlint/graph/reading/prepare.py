"""What is known before the nodes are read: the inputs, and the declared shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.dimensions.binding import Bound, bind_inputs
from archlint.graph.dimensions.symbol import clean
from archlint.graph.inference.typeproto import read
from archlint.graph.reading.functions import inline_functions
from archlint.graph.value import Provenance, Role, Shape, Value

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto

    from archlint.graph.dimensions.bindings import Bindings
    from archlint.graph.dtype import DType

_NO_SIZES: Mapping[str, int] = {}


class Prepared(Struct, frozen=True):
    """A model and its bound inputs.

    `inputs` are the inputs that the caller provides. `declared` holds the serialized types that the
    file declares for intermediate tensors; it is empty where a fixed size was changed, since they
    are then invalid. `unused` are names of the target that no dimension has.
    """

    model: ModelProto
    inputs: Mapping[str, Value]
    bound: Bound
    declared: Mapping[str, bytes]
    unused: tuple[str, ...]


def prepare(original: ModelProto, bindings: Bindings) -> Prepared:
    """Return the model with its functions inlined, and its inputs bound.

    Raises:
        InvalidGraph: functions that are recursive, or that expand to too many nodes.

    """
    model = inline_functions(original)
    graph = model.graph
    types = {info.name: read(info.type, _NO_SIZES) for info in _given(graph)}
    shapes = {name: shape for name, (_, shape) in types.items()}
    numbers = [name for name, (dtype, shape) in types.items() if _is_number(dtype, shape)]
    bound = bind_inputs(shapes, bindings, _labels(graph), numbers)
    inputs = {}
    for name, (dtype, before) in types.items():
        shape = bound.shapes[name]
        provenance = Provenance.DECLARED if before == shape else Provenance.BOUND
        if shape is None:
            provenance = Provenance.UNKNOWN
        inputs[name] = Value(name, dtype, shape, Role.INPUT, provenance)
    declared = {} if bound.resized else _declared(graph)
    unused = bound.unused
    if unused:
        symbols = _symbols(original.graph)
        unused = tuple(name for name in unused if name not in symbols)
    return Prepared(model, inputs, bound, declared, unused)


def _given(graph: GraphProto) -> list[ValueInfoProto]:
    """Return the inputs that are not also stored."""
    stored = {tensor.name for tensor in graph.initializer}
    stored.update(tensor.values.name for tensor in graph.sparse_initializer)
    return [info for info in graph.input if info.name not in stored]


def _labels(graph: GraphProto) -> dict[str, list[tuple[str, int]]]:
    """Return the axes of inputs by generated names such as `unk__3`."""
    labels: dict[str, list[tuple[str, int]]] = {}
    for info in _given(graph):
        for axis, dim in enumerate(info.type.tensor_type.shape.dim):
            name = dim.dim_param.strip()
            if name.isidentifier() and clean(name) is None:
                labels.setdefault(name, []).append((info.name, axis))
    return labels


def _is_number(dtype: DType | None, shape: Shape | None) -> bool:
    """Whether a tensor is an integer scalar."""
    return dtype is not None and not dtype.is_float and shape in ((), (1,))


def _declared(graph: GraphProto) -> dict[str, bytes]:
    """Return the serialized types that the file declares for computed tensors."""
    declared = {info.name: info.type.SerializeToString() for info in graph.value_info}
    declared.update((info.name, info.type.SerializeToString()) for info in graph.output)
    return declared


def _symbols(graph: GraphProto) -> set[str]:
    """Return the names of dimensions that the file declares of computed tensors."""
    return {
        dim.dim_param.strip()
        for infos in (graph.value_info, graph.output)
        for info in infos
        for dim in info.type.tensor_type.shape.dim
    }
