"""Double-precision tensors that the TorchScript exporter introduced; the program had none.

The exporter takes the results of some calls for doubles, as of `new_empty(...).normal_()`, and
casts whatever meets them to double, weights included. PyTorch refuses a layer whose weight and
input differ in precision, and nobody casts weights for each call: so where a weight is cast, all
doubles are the exporter's, and are taken for floats. Files with doubles among inputs or weights are
left alone.
"""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.signature import signature
from archlint.graph.value import Role

_DOUBLE, _SINGLE = DType.FLOAT64, DType.FLOAT32


def with_single_precision(graph: Graph) -> Graph:
    """Return `graph` with its doubles as floats, where the exporter introduced them."""
    if not graph.is_from_pytorch or signature(graph) is not None:
        return graph
    given = (*graph.inputs, *graph.weights)
    if not any(_casts_weight(node, graph) for node in graph.nodes):
        return graph
    if any(graph.values[name].dtype is _DOUBLE for name in given if name in graph.values):
        return graph
    values = {
        name: replace(value, dtype=_SINGLE) if value.dtype is _DOUBLE else value
        for name, value in graph.values.items()
    }
    return replace(graph, values=values)


def _casts_weight(node: Node, graph: Graph) -> bool:
    """Whether a node casts a stored tensor of several floats to double."""
    if node.op != "Cast" or not node.inputs or graph.values[node.output].dtype is not _DOUBLE:
        return False
    value = graph.values[node.inputs[0]]
    return value.role is Role.STORED and value.dtype is _SINGLE and (value.elements or 0) > 1
