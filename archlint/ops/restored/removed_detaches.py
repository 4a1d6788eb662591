"""Calls of `detach` that torch.export's optimizer removed.

`x.detach()` changes no number, but stops the gradient. The optimizer removes it; the next call
still names its result, `%detach_1`. An Identity is put back there, with a record of the call.
Files of other exporters do not tell.
"""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import base_name, detaching_call, reading, skipped
from archlint.graph.value import Role

_DETACH = "detach"


def with_detaches(graph: Graph) -> Graph:
    """Return `graph` with a node for each removed call that detaches a tensor."""
    values, before = dict(graph.values), dict[str, list[Node]]()
    inputs: dict[str, tuple[str, ...]] = {}
    for call, gone, tensor in skipped(graph):
        if base_name(gone) != _DETACH:
            continue
        if gone not in values:
            values[gone] = replace(graph.values[tensor], name=gone, role=Role.COMPUTED)
            metadata = detaching_call(gone, tensor)
            cut = Node(gone, "Identity", "", (tensor,), (gone,), {}, metadata)
            before.setdefault(call.nodes[0].name, []).append(cut)
        for node in call.nodes:
            slots = reading(call, node, graph, gone, tensor)
            read = enumerate(inputs.get(node.name, node.inputs))
            inputs[node.name] = tuple(gone if slot in slots else name for slot, name in read)
    if not inputs:
        return graph
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += before.get(node.name, ())
        nodes.append(replace(node, inputs=inputs.get(node.name, node.inputs)))
    return replace(graph, nodes=tuple(nodes), values=values)
