"""Operators of a graph that an earlier version of the standard does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.graph.graph import Graph


def newer_operators(graph: Graph, opset: int) -> dict[str, int]:
    """Return the operators that came, or were changed, after `opset`, each with its opset."""
    from onnx import defs

    newer = {}
    for op in dict.fromkeys(_standard(graph)):
        if defs.has(op, graph.opset, ""):
            since = defs.get_schema(op, graph.opset, "").since_version
            if since > opset:
                newer[op] = since
    return newer


def _standard(graph: Graph) -> list[str]:
    """Return the standard operators of a graph and of those inside it."""
    found = [node.op for node in graph.nodes if not node.domain]
    for graphs in graph.inner.values():
        for each in graphs:
            found += _standard(each)
    return found
