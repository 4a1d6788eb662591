"""Grouped-query attention that may have run without repeating keys and values."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.ops.composite.attention import FUSED_KERNELS
from archlint.record import replace


def with_shared_heads(graph: Graph) -> Graph:
    """Return `graph` with fused attention that reads keys and values before they are repeated.

    No file tells which it was; this keeps least.
    """
    nodes = []
    for node in graph.nodes:
        if node.op in FUSED_KERNELS:
            query, *keys_and_values = node.inputs[:3]
            inputs = (query, *(_unrepeated(name, graph) for name in keys_and_values))
            attributes = {**node.attributes, "grouped": 1}
            nodes.append(replace(node, inputs=(*inputs, *node.inputs[3:]), attributes=attributes))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _unrepeated(name: str, graph: Graph) -> str:
    """Return the keys or values of grouped heads before they are repeated for all heads."""
    source = name
    for op in ("Reshape", "Expand", "Unsqueeze"):
        maker = graph.producers.get(source)
        if maker is None or maker.op != op:
            return name
        source = maker.inputs[0]
    return source
