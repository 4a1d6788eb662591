"""The nodes of a graph that people call layers, without what only prepares shapes and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.graph.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WORK = ("macs", "parameters", "saved_bytes")


def layers(nodes: Sequence[Mapping[str, Any]], graph: Graph) -> list[Mapping[str, Any]]:
    """Return the `nodes` of the facts that data flows through, or that cost something.

    An amount that is not known may be some, so that its node stays.
    """
    data = _carriers_of_data(graph)
    return [
        node
        for node in nodes
        if node["output"] in data or any(node[amount] != 0 for amount in _WORK)
    ]


def _carriers_of_data(graph: Graph) -> set[str]:
    """Return the tensors that depend on an input, but for shapes and numbers that are known."""
    data = set(graph.inputs)
    for node in graph.nodes:
        nested = (value for value in node.attributes.values() if isinstance(value, Graph))
        captured = (name for inner in nested for name in inner.captures)
        if not data.isdisjoint(node.inputs) or not data.isdisjoint(captured):
            data.update(name for name in node.outputs if name not in graph.constants)
    return data
