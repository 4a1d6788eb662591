"""Numbers that an exporter worked out beforehand, and that training makes in each pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role

_MASKING = frozenset({"Add", "Where"})


def with_numbers_made_anew(graph: Graph, is_number: Callable[[str], bool]) -> Graph:
    """Return `graph` with folded numbers as tensors that each pass makes.

    Exporters work out beforehand what depends on no input: tables of cosines, masks. Training
    makes them anew, and what adds a mask to scores makes one for each use.
    """
    values = dict(graph.values)
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for slot, name in enumerate(node.inputs):
            if name not in graph.weights or not is_number(name):
                continue
            inputs[slot] = f"{name}#{node.name if node.op in _MASKING else 'made'}"
            if inputs[slot] not in values:
                made = replace(values[name], name=inputs[slot], role=Role.COMPUTED)
                values[inputs[slot]] = made
                nodes.append(Node(made.name, "Constant", "", (), (made.name,), {}, {}))
        nodes.append(node if tuple(inputs) == node.inputs else replace(node, inputs=tuple(inputs)))
    return replace(graph, nodes=tuple(nodes), values=values)
