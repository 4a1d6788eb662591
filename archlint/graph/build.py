"""Builds a graph of plain objects with shapes from an ONNX model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.graph import Graph
from archlint.graph.inference.standard import NodeInference
from archlint.graph.inference.typeproto import Types
from archlint.graph.invalid import InvalidGraph
from archlint.graph.reading.context import Context
from archlint.graph.reading.order import sort_nodes
from archlint.graph.reading.prepare import Prepared, prepare
from archlint.graph.reading.reader import GraphReader, Unsorted
from archlint.graph.reading.scope import Scope
from archlint.graph.reading.stored import entries
from archlint.graph.rebatch.rebatch import Rebatch
from archlint.graph.tensor import filled

if TYPE_CHECKING:
    from onnx import ModelProto

_NO_BINDINGS = Bindings()


def build_graph(model: ModelProto, bindings: Bindings = _NO_BINDINGS) -> Graph:
    """Return the model as plain objects, with its open dimensions bound and its shapes inferred.

    The model may be weightless: no contents of large tensors are read. It is not modified.

    Raises:
        InvalidGraph: a cycle, a tensor with no producer or several, unbounded recursion of
            functions.

    """
    prepared = prepare(model, bindings)
    rebatch = None
    if prepared.bound.batch is not None:
        before = build_graph(model, replace(bindings, batch_size=None))
        rebatch = Rebatch(before, *prepared.bound.batch)
    try:
        return _read(prepared, rebatch)
    except Unsorted:
        ordered = type(model)()
        ordered.CopyFrom(prepared.model)
        sort_nodes(ordered.graph)
    try:
        return _read(replace(prepared, model=ordered), rebatch)
    except Unsorted as missing:  # it is in order now, so that a branch hands on what is not there
        raise InvalidGraph(f"tensor {missing} is used, but nothing makes it") from missing


def _read(prepared: Prepared, rebatch: Rebatch | None) -> Graph:
    model = prepared.model
    types = Types(prepared.bound.sizes)
    context = Context(NodeInference(model), types, prepared.declared, rebatch)
    scope = Scope(values=dict(prepared.inputs))
    for name, number in prepared.bound.values.items():
        scope.constants[name] = filled(prepared.inputs[name], number)
    if rebatch is not None:
        for name in prepared.inputs:
            rebatch.give(name, scope)
    reader = GraphReader(model.graph, scope, context)
    with np.errstate(all="ignore"):  # numbers of the file may divide by zero where they are folded
        return reader.read(_metadata(model), prepared.unused)


def _metadata(model: ModelProto) -> Mapping[str, str]:
    metadata = {**entries(model.metadata_props), **entries(model.graph.metadata_props)}
    for key in ("producer_name", "producer_version"):
        if value := getattr(model, key):
            metadata.setdefault(key, value)
    return metadata
