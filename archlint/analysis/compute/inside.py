"""Totals of the subgraphs inside a node: the branches of an If, or the body of a loop."""

from __future__ import annotations

from collections.abc import Callable

from archlint.analysis.amount import Amount, Unknown, one_of
from archlint.graph.graph import Graph
from archlint.graph.node import Node


def inside(node: Node, graph: Graph, measure: Callable[[Graph], Amount]) -> Amount:
    """Return the total over all runs of the subgraphs of `node`.

    One of the branches of an If runs: where its condition is unknown, the answer is the interval
    between the least and the most of them, never their sum. The body of a Loop or a Scan runs in
    every iteration.
    """
    graphs = graph.inner[node.name]
    amounts = [measure(each) for each in graphs]
    if len(amounts) > 1:
        return one_of(amounts)
    (body,) = amounts
    rounds = graph.trips.get(node.name)
    if rounds is not None:
        return body.times(rounds)
    if body == Amount():
        return body
    return Amount(0, 0, (Unknown(node.name, node.op, "how often it runs is not known"),))
