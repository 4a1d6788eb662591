"""Restores equal calls that an optimizer merged into one."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Value
from archlint.ops.composite.exported import base_name, skipped
from archlint.record import replace


def with_twins(graph: Graph) -> Graph:
    """Return `graph` with an operator of its own for each call that was merged into an equal one.

    The record of torch.export names the tensor that a call reads. Where it is not in the file, and
    the one that is read instead was made by a call of the same name, that is its twin.
    """
    twins: dict[str, list[str]] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    for call, gone, tensor in skipped(graph):
        maker = graph.producers.get(tensor)
        if maker is not None and base_name(gone) == base_name(tensor):
            made = twins.setdefault(tensor, [])
            if gone not in made:
                made.append(gone)
            for node in call.nodes:
                read = inputs.get(node.name, node.inputs)
                inputs[node.name] = tuple(gone if name == tensor else name for name in read)
    if not twins:
        return graph
    values: dict[str, Value] = dict(graph.values)
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(replace(node, inputs=inputs.get(node.name, node.inputs)))
        if len(node.outputs) != 1:
            continue
        for name in twins.get(node.output, ()):
            values[name] = replace(values[node.output], name=name)
            nodes.append(replace(nodes[-1], name=f"{node.name}#{name}", outputs=(name,)))
    return replace(graph, nodes=tuple(nodes), values=values)
