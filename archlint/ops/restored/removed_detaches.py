"""Calls of `detach` that torch.export's optimizer removed.

`x.detach()` changes no number, but stops the gradient. The optimizer removes it; the next call
still names its result, `%detach_1`. An Identity is put back there, with a record of the call.
Files of other exporters do not tell.
"""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import base_name, detaching_call
from archlint.graph.program.replaced_tensors import reading, skipped
from archlint.ops.restored.graph_edit import GraphEdit

_DETACH = "detach"


def with_detaches(graph: Graph) -> Graph:
    """Return `graph` with a node for each removed call that detaches a tensor."""
    edit = GraphEdit(graph)
    for call, gone, tensor in skipped(graph):
        if base_name(gone) != _DETACH:
            continue
        if not edit.has(gone):
            metadata = detaching_call(gone, tensor)
            cut = Node(gone, "Identity", "", (tensor,), (gone,), {}, metadata)
            edit.compute(cut, tensor, call.nodes[0])
        for node in call.nodes:
            slots = reading(call, node, graph, gone, tensor)
            read = enumerate(edit.inputs(node))
            edit.read(node, tuple(gone if slot in slots else name for slot, name in read))
    return edit.edited()
