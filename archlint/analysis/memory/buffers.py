"""The memory of buffers, some of which are in no file."""

from __future__ import annotations

from archlint.analysis.parameters.parameters import Parameters
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.signature import signature
from archlint.ops.registry import Operators
from archlint.ops.weight_origin import WeightOrigin

_COUNTER_BYTES = 8  # the batches of each layer with running statistics are counted in an int64


def buffer_bytes(graph: Graph, operators: Operators, parameters: Parameters) -> int:
    """Return the bytes of the buffers of a network: stored ones, counters, and literal tables."""
    buffers = parameters.buffers.keys()
    counted = [
        node
        for node in graph.nodes
        if (operator := operators.of(node)) is not None
        and operator.buffers
        and not buffers.isdisjoint(node.inputs)
    ]
    stored = parameters.buffer_bytes + _literal_bytes(graph, operators)
    return stored + _COUNTER_BYTES * len(counted)


def _literal_bytes(graph: Graph, operators: Operators) -> int:
    """Return the bytes of tables that the TorchScript exporter wrote as literals.

    They are buffers that rows are looked up in, and that the file does not store.
    """
    if not graph.is_from_pytorch or signature(graph) is not None:
        return 0
    literals = {
        node.output: graph.values[node.output]
        for node in graph.nodes
        if (operator := operators.of(node)) and operator.origin is WeightOrigin.LITERAL
    }
    tables = (
        name
        for name, value in literals.items()
        if value.dtype is not None and value.dtype.is_float and (value.elements or 0) > 1
        if any(_looks_up(user, name, operators) for user in graph.consumers.get(name, ()))
    )
    return sum(literals[name].nbytes or 0 for name in tables)


def _looks_up(user: Node, name: str, operators: Operators) -> bool:
    """Whether a tensor is read where a table of parameters is, as embeddings are."""
    operator = operators.of(user)
    return operator is not None and 0 in operator.weights and user.inputs[0] == name
