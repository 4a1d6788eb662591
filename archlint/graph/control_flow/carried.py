"""The values that a Loop or a Scan carries from one iteration to the next."""

from __future__ import annotations

from archlint.graph.control_flow.operators import LOOPS
from archlint.graph.graph import Graph
from archlint.graph.node import Node


def carried(node: Node) -> int:
    """Return how many states a loop carries; its other results are collected."""
    if node.op == "Loop":
        return len(node.inputs) - 2
    scanned = node.attributes.get("num_scan_inputs")
    return len(node.inputs) - scanned if isinstance(scanned, int) else len(node.inputs)


def carried_inputs(node: Node, body: Graph) -> tuple[str, ...]:
    """Return the inputs of a nested graph of `node` that carry a state between iterations."""
    if node.op not in LOOPS:
        return ()
    first = 2 if node.op == "Loop" else 0  # after the iteration number and the condition
    return body.inputs[first : first + carried(node)]
