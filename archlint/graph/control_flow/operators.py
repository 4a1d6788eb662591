"""The control-flow operators: If, Loop and Scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.graph.node import Node

CHOICE = "If"
LOOPS = frozenset({"Loop", "Scan"})
CONTROL_FLOW = LOOPS | {CHOICE}


def branches(node: Node, graph: Graph) -> tuple[Graph, ...]:
    """Return the nested graphs of a node of which only one runs; empty for other nodes."""
    return graph.inner.get(node.name, ()) if node.op == CHOICE and not node.domain else ()
