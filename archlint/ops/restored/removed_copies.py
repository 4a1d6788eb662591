"""Copies that torch.export's optimizer removed, and that several calls of the program read.

`x.permute(0, 2, 3, 1).contiguous()` makes a tensor that lies in the order of its axes. The
optimizer removes the copy; the next calls still name it, `%clone_1`. One of them regroups axes,
which the program could not do with the tensor itself: so the copy was none that stands for dropout.
It is put back, with a record of the call. One that a single call reads is made by that call.
"""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import (
    ExportedCall,
    base_name,
    copying_call,
    exported_call,
    reading,
    skipped,
)
from archlint.ops.restored.graph_edit import GraphEdit
from archlint.ops.restored.removed_dropouts import puts_in_order


def with_copies(graph: Graph) -> Graph:
    """Return `graph` with a node for each removed copy that put elements in order for several."""
    edit, readers = GraphEdit(graph), dict[tuple[str, str], list[ExportedCall]]()
    places = {node.name: place for place, node in enumerate(graph.nodes)}
    for call, gone, tensor in skipped(graph):
        if base_name(gone) == "clone":
            readers.setdefault((gone, tensor), []).append(call)
    for (gone, tensor), calls in readers.items():
        if len(calls) < 2 or not any(puts_in_order(call, tensor, graph) for call in calls):
            continue
        maker = graph.producers[tensor]
        metadata = {**maker.metadata, **copying_call(gone, tensor)}
        name, after = f"{maker.name}#{gone}", graph.nodes[places[maker.name] + 1]
        edit.compute(Node(name, "Identity", "", (tensor,), (gone,), {}, metadata), tensor, after)
        made_by = exported_call(maker)
        if made_by is not None and made_by.users == 1:  # the copy: all others read that
            for node in graph.consumers[tensor]:
                edit.read_instead(node, tensor, gone)
            continue
        for call in calls:
            for node in call.nodes:
                slots = reading(call, node, graph, gone, tensor)
                read = enumerate(edit.inputs(node))
                edit.read(node, tuple(gone if slot in slots else name for slot, name in read))
    return edit.edited()
