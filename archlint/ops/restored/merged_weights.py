"""Equal weights that the TorchScript exporter stores once.

An export for inference keeps one of several equal tensors, such as biases of zeros, gains of ones,
and the layers of a stack that start as copies of one. For each other it writes an
`Identity(layers.0.bias) -> layers.1.bias`, which becomes a stored tensor of that name. Tied weights
look the same, and are left alone where they can be told: the weight of an embedding, and that of a
module which is called again, whose copy has a made-up name.
"""

from __future__ import annotations

import re

from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import is_exported
from archlint.graph.value import Provenance, Role, Value
from archlint.ops.restored.graph_edit import GraphEdit

_CALL = re.compile(r"_\d+(?=/|$)")


def separated(graph: Graph) -> Graph:
    """Return `graph` with a stored tensor for each weight that was merged into an equal one."""
    if not graph.is_from_pytorch:
        return graph
    edit = GraphEdit(graph)
    for node in graph.nodes:
        if not _is_copy(node, graph):
            continue
        source, name = node.inputs[0], node.output
        stored = graph.values[source]
        value = Value(name, stored.dtype, stored.shape, Role.STORED, Provenance.DECLARED)
        edit.store(value, graph.weights[source].metadata)
        edit.removed.add(node.name)
    return edit.edited()


def _is_copy(node: Node, graph: Graph) -> bool:
    """Whether a node is an Identity that stands for a weight of its own."""
    if is_exported(node) or node.op != "Identity":
        return False
    if node.inputs[0] not in graph.weights or node.output in graph.outputs:
        return False
    value = graph.values[node.inputs[0]]
    if value.dtype is None or not value.dtype.is_float:
        return False
    users = [graph.consumers.get(name, ()) for name in (node.inputs[0], node.output)]
    if any(user.op == "Gather" for group in users for user in group):
        return False
    first, again = ({_module(user) for user in group if user is not node} for group in users)
    return not (is_folded_name(node.output) and first & again)


def _module(node: Node) -> str:
    """Return the module that a node is a part of; `fc_1` is another call of `fc`."""
    return _CALL.sub("", node.name.rpartition("/")[0])
