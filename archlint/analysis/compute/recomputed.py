"""The operators that run a second time in the backward pass, in checkpointed parts."""

from __future__ import annotations

from archlint.analysis.memory.saved import Saved
from archlint.analysis.recognition.owners import owners
from archlint.graph.graph import Graph


def recomputed(graph: Graph, saved: Saved) -> frozenset[str]:
    """Return the nodes of `graph` that belong to a recomputed operator of the framework."""
    again = {node.name for segment in saved.segments for node in saved.run_again(segment)}
    owned = owners(graph, saved.graph, saved.operators)
    return frozenset(name for name, owner in owned.items() if owner in again)
