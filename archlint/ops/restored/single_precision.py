"""Tensors in double precision that TorchScript's exporter made up: the program had none."""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import signature
from archlint.graph.value import Role

_DOUBLE, _SINGLE = DType.FLOAT64, DType.FLOAT32


def with_single_precision(graph: Graph) -> Graph:
    """Return `graph` with its doubles as floats, where the exporter alone has brought them in.

    It takes what some calls make for doubles (`new_empty(...).normal_()`) and casts all that meets
    them, weights too. Nobody casts the weight of a layer, and PyTorch refuses one in another format
    than its input; so where that is done, all doubles are the exporter's.
    """
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
    """Whether a node makes doubles of a stored tensor of floats with more than one element."""
    if node.op != "Cast" or not node.inputs or graph.values[node.output].dtype is not _DOUBLE:
        return False
    value = graph.values[node.inputs[0]]
    return value.role is Role.STORED and value.dtype is _SINGLE and (value.elements or 0) > 1
