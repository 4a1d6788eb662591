"""Calls of `detach` that an exporter removed.

`x.detach()` changes no number, but stops the gradient. The optimizer of torch.export removes it;
the next call still names its result, `%detach_1`. An Identity is put back there, with a record of
the call. The TorchScript exporter does not tell, except for one form: `x + (y - x)` is y, so that
only a program writes it in which the difference passes no gradient on (a straight-through
estimator: Bengio et al. 2013).
"""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import base_name, detaching_call
from archlint.graph.program.replaced_tensors import skipped
from archlint.graph.program.signature import signature
from archlint.ops.restored.graph_edit import GraphEdit

_DETACH = "detach"


def with_detaches(graph: Graph) -> Graph:
    """Return `graph` with a node for each removed call that detaches a tensor."""
    edit = GraphEdit(graph)
    if graph.is_from_pytorch and signature(graph) is None:
        _pass_straight_through(edit)
    for call, gone, tensor in skipped(graph):
        if base_name(gone) != _DETACH:
            continue
        if not edit.has(gone):
            metadata = detaching_call(gone, tensor)
            cut = Node(gone, "Identity", "", (tensor,), (gone,), {}, metadata)
            edit.compute(cut, tensor, call.nodes[0])
        edit.restore_operand(call, gone, tensor, gone)
    return edit.edited()


def _pass_straight_through(edit: GraphEdit) -> None:
    """Cut the differences off that are added to what was subtracted in them."""
    for node in edit.graph.nodes:
        if node.op != "Add" or node.domain:
            continue
        for slot, name in enumerate(node.inputs):
            maker, other = edit.graph.producers.get(name), node.inputs[1 - slot]
            if maker is None or maker.op != "Sub" or maker.inputs[1] != other:
                continue
            cut = f"{name}#detached"
            if not edit.has(cut):
                metadata = detaching_call(cut, name)
                edit.compute(Node(cut, "Identity", "", (name,), (cut,), {}, metadata), name, node)
            edit.read_instead(node, name, cut)
