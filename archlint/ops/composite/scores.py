"""Attention that nobody fused: a softmax of scores, and the product of its weights with values."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.node import Node

_LONGEST = 4  # operators between a softmax and its product
_PASSING = frozenset({"Dropout", "Cast", "Identity", "Where", "Mul", "Same"})


def weighs_values(node: Node, graph: Graph) -> bool:
    """Whether a node is the softmax of the scores of queries and keys: (..., T, S)."""
    shape = graph.values[node.output].shape if node.op == "Softmax" else None
    if shape is None or len(shape) < 3:
        return False
    name = node.output
    for _ in range(3):
        users = graph.consumers.get(name, ())
        if any(user.op == "MatMul" and user.inputs[0] == name for user in users):
            return True
        following = [user for user in users if user.op in _PASSING]
        if len(following) != 1:
            return False
        name = following[0].output
    return False


def up_to_values(node: Node, graph: Graph) -> list[Node]:
    """Return the nodes from the softmax of scores to the product with the values, in order."""
    nodes = [node]
    while nodes[-1].op != "MatMul" and len(nodes) <= _LONGEST:
        users = graph.consumers.get(nodes[-1].output, [])
        if len(users) != 1:
            break
        nodes.append(users[0])
    return nodes
