"""Replaces the nodes of a file by the framework operators that they make up."""

from __future__ import annotations

from archlint.analysis.recognition.by_form import from_form
from archlint.analysis.recognition.recognized import Recognized
from archlint.graph.graph import Graph
from archlint.graph.program.calls import exported_calls
from archlint.ops.composite.registry import Composites
from archlint.ops.composite.rewritten import SPLIT, prepared_weights, split_slices
from archlint.ops.registry import Operators


def framework_graph(graph: Graph, composites: Composites, operators: Operators) -> Graph:
    """Return `graph` with every group of nodes that was one operator of the framework as one node.

    The node goes by the name of the node of its group that made its first output, and stands in
    its place. Where torch.export says what a node was, that counts; elsewhere the form tells.
    """
    found = _recognized(graph, composites, operators)
    _from_slices(graph, composites, found)
    found.covered.update(prepared_weights(graph))
    return found.shown(graph)


def meaning_graph(graph: Graph, meanings: Composites, operators: Operators) -> Graph:
    """Return `graph` with what is written out in steps as the operators that it computes.

    It does not matter who wrote it out: an exporter, or a person whose framework ran the steps.
    """
    return _recognized(graph, meanings, operators).shown(graph)


def _recognized(graph: Graph, composites: Composites, operators: Operators) -> Recognized:
    """Take first what is several calls of the program by now, then its calls, then what is left."""
    found = Recognized(operators)
    calls = exported_calls(graph)
    if calls:
        from archlint.analysis.recognition.by_call import from_calls

        from_form(graph, composites, found, spanning=True)
        from_calls(calls, graph, composites, found)
    from_form(graph, composites, found)
    return found


def _from_slices(graph: Graph, composites: Composites, found: Recognized) -> None:
    """Add the splits of stored tensors, which exporters write as slices."""
    split = composites.by_target[SPLIT][0]
    for name, nodes, axis in split_slices(graph):
        if found.covered.isdisjoint(node.name for node in nodes):
            outputs = tuple(node.output for node in nodes)
            found.add(split, nodes, (name,), outputs, {"axis": axis})
