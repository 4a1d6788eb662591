"""Unfused attention: a softmax of scores, and the product of its weights with values."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.node import Node

_MOST_BETWEEN = 2  # such as what sets rows without any key to zero, and dropout
_BETWEEN = frozenset({"Dropout", "Cast", "Identity", "Where", "Mul", "Same"})


def from_scores_to_values(softmax: Node, graph: Graph) -> tuple[Node, ...]:
    """Return the nodes from a softmax of scores (..., T, S) to the product with the values.

    They are in order and include both ends; there are none where the softmax is not one of
    attention. The attention weights may also be used elsewhere, for example as an output.
    """
    shape = graph.values[softmax.output].shape if softmax.op == "Softmax" else None
    if shape is None or len(shape) < 3:
        return ()
    nodes = [softmax]
    while len(nodes) <= 1 + _MOST_BETWEEN:
        name = nodes[-1].output
        users = graph.consumers.get(name, ())
        product = next((user for user in users if _weighs(user, name)), None)
        if product is not None:
            return (*nodes, product)
        between = [user for user in users if user.op in _BETWEEN]
        if len(between) != 1:
            return ()
        nodes += between
    return ()


def _weighs(node: Node, weights: str) -> bool:
    """Whether a node computes the weighted sum of values."""
    return node.op == "MatMul" and node.inputs[0] == weights
