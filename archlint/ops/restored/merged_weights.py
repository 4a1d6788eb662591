"""Weights that PyTorch's older exporter merged since they were equal, each one for itself again."""

from __future__ import annotations

import re
from dataclasses import replace

from archlint.graph.graph import Graph
from archlint.graph.modules import module_path
from archlint.graph.node import Node
from archlint.graph.value import Provenance, Role, Value

_NUMBERS = re.compile(r"\d+")


def separated(graph: Graph) -> Graph:
    """Return `graph` with a stored tensor for each weight that was merged into an equal one.

    An export for inference keeps equal tensors once, and an Identity for each of the others: biases
    of zeros, gains of ones, the layers of a stack that begin as copies of one. An Identity of
    tied weights looks the same. Those are matrices that modules of different kinds share; copies
    belong to modules whose paths differ in numbers alone.
    """
    if not graph.is_from_pytorch:
        return graph
    copies = [node for node in graph.nodes if _is_copy(node, graph)]
    if not copies:
        return graph
    values, weights = dict(graph.values), dict(graph.weights)
    for node in copies:
        source, name = node.inputs[0], node.output
        stored = graph.values[source]
        values[name] = Value(name, stored.dtype, stored.shape, Role.STORED, Provenance.DECLARED)
        weights[name] = replace(graph.weights[source], name=name)
    gone = set(copies)
    nodes = tuple(node for node in graph.nodes if node not in gone)
    return replace(graph, nodes=nodes, values=values, weights=weights)


def _is_copy(node: Node, graph: Graph) -> bool:
    """Whether an Identity stands for a weight of its own."""
    if node.op != "Identity" or node.inputs[0] not in graph.weights or node.output in graph.outputs:
        return False
    value = graph.values[node.inputs[0]]
    if value.dtype is None or not value.dtype.is_float:
        return False
    return len(value.shape or ()) < 2 or _place(node.inputs[0], graph) == _place(node.output, graph)


def _place(name: str, graph: Graph) -> tuple[str, str] | None:
    """Return the operator that uses a tensor and the path of its module, without numbers."""
    for user in graph.consumers.get(name, ()):
        if user.op != "Identity":
            return user.op, _NUMBERS.sub("", ".".join(module_path(user)))
    return None
