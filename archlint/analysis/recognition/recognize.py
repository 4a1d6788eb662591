"""Replaces groups of nodes by the framework operators that they represent."""

from __future__ import annotations

from archlint.analysis.recognition.by_form import from_form
from archlint.analysis.recognition.recognized import Recognized
from archlint.graph.graph import Graph
from archlint.graph.program.calls import exported_calls
from archlint.ops.composite.registry import Composites
from archlint.ops.composite.rewritten import SPLIT, prepared_weights, split_slices
from archlint.ops.registry import Operators


def framework_graph(
    graph: Graph, composites: Composites, operators: Operators, *, only_sure: bool = False
) -> Graph:
    """Return `graph` with every group of nodes that was one framework operator as one node.

    The new node has the name and position of the group's node that computes its first output. The
    records of torch.export take precedence over matched forms. With `only_sure`, what a program may
    as well have written out in steps is left as it is.
    """
    found = _recognized(graph, composites, operators, only_sure=only_sure)
    _from_slices(graph, composites, found)
    found.covered.update(prepared_weights(graph))
    return found.shown(graph)


def meaning_graph(graph: Graph, meanings: Composites, operators: Operators) -> Graph:
    """Return `graph` with decomposed operators replaced by the operators that they compute.

    It does not matter whether an exporter decomposed them, or the model's own code.
    """
    return _recognized(graph, meanings, operators).shown(graph)


def _recognized(
    graph: Graph, composites: Composites, operators: Operators, *, only_sure: bool = False
) -> Recognized:
    """Recognize composites of several calls first, then recorded calls, then remaining forms."""
    found = Recognized(operators, only_sure=only_sure)
    calls = exported_calls(graph)
    if calls:
        from archlint.analysis.recognition.by_call import from_calls

        from_form(graph, composites, found, spanning=True)
        from_calls(calls, graph, composites, found)
    from_form(graph, composites, found)
    return found


def _from_slices(graph: Graph, composites: Composites, found: Recognized) -> None:
    """Add splits of stored tensors, which exporters write as slices."""
    split = composites.by_target[SPLIT][0]
    for name, nodes, axis in split_slices(graph):
        if found.covered.isdisjoint(node.name for node in nodes):
            outputs = tuple(node.output for node in nodes)
            found.add(split, nodes, (name,), outputs, {"axis": axis})
