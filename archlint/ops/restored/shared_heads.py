"""Grouped-query attention that may have run without repeating keys and values.

With fewer heads for keys than for queries, a program either repeats the keys and values, which
copies them, or lets the kernel share them. An exported file repeats them either way, by an
`Unsqueeze`, an `Expand` and a `Reshape` before the attention. As the lower bound, attention reads
them as they were before.
"""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.composite.attention import FUSED_KERNELS
from archlint.ops.restored.graph_edit import GraphEdit

_COPIES = frozenset({"Contiguous", "Identity"})  # what is repeated, to be reshaped


def with_shared_heads(graph: Graph) -> Graph:
    """Return `graph` with fused attention that reads keys and values before they are repeated."""
    edit = GraphEdit(graph)
    for node in graph.nodes:
        if node.op in FUSED_KERNELS:
            edit.change(node, sharing_heads(node, graph))
    return edit.edited()


def sharing_heads(node: Node, graph: Graph) -> Node:
    """Return attention that reads keys and values before they are repeated for all heads."""
    query, *keys_and_values = node.inputs[:3]
    inputs = (query, *(_unrepeated(name, graph) for name in keys_and_values), *node.inputs[3:])
    return replace(node, inputs=inputs, attributes={**node.attributes, "grouped": 1})


def _unrepeated(name: str, graph: Graph) -> str:
    """Return the keys or values of grouped heads before they are repeated for all heads."""
    source = name
    for op in ("Reshape", "Expand", "Unsqueeze"):
        maker = graph.producers.get(source)
        if maker is not None and maker.op in _COPIES and op == "Expand":
            maker = graph.producers.get(maker.inputs[0])
        if maker is None or maker.op != op:
            return name
        source = maker.inputs[0]
    return source
