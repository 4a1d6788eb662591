"""Finds composites by matching the pattern of their nodes."""

from __future__ import annotations

from archlint.analysis.recognition.recognized import Recognized
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import is_exported
from archlint.graph.program.modules import SCOPES
from archlint.ops.composite.composite import PERHAPS_WRITTEN, Attributes, Form
from archlint.ops.composite.pattern import Matching
from archlint.ops.composite.registry import Composites
from archlint.ops.registry import Operators


def from_form(
    graph: Graph, composites: Composites, found: Recognized, *, spanning: bool = False
) -> None:
    """Add the matches of composites, from the end of the graph, the largest first.

    With `spanning`, only forms of several recorded calls. Nodes with a record of torch.export are
    looked at for these alone, as the record tells all others, unless their call is lost.
    """
    by_root = composites.among(frozenset(node.op for node in graph.nodes))
    producers = graph.producers
    for node in reversed(graph.nodes):
        candidates = by_root.get(node.op, ())
        if not candidates or node.name in found.covered:
            continue
        is_named = is_exported(node) and node.name not in found.lost
        only_spanning = spanning or is_named
        makers = {maker.op for name in node.inputs if (maker := producers.get(name))}
        for candidate in candidates:
            form = candidate.form
            if not candidate.makers <= makers or (only_spanning and not form.spans_calls):
                continue
            matched = _match(form, node, graph, found)
            if matched is not None:
                matching, attributes = matched
                inputs = tuple(matching.tensors.get(label, "") for label in form.inputs)
                found.add(candidate.composite, matching.nodes, inputs, (node.output,), attributes)
                break


def _match(
    form: Form, node: Node, graph: Graph, found: Recognized
) -> tuple[Matching, Attributes] | None:
    """Return the first match of a form that ends at a node and is accepted, with its attributes."""
    for matching in form.pattern.match(node.output, graph, Matching({})):
        is_free = found.covered.isdisjoint(inner.name for inner in matching.nodes)
        is_one = form.spans_calls or _is_one_call(matching)
        if is_free and is_one and _is_closed(matching, node, graph, found.operators):
            attributes = form.attributes(matching, graph)
            if attributes is not None and not (found.only_sure and PERHAPS_WRITTEN in attributes):
                return matching, attributes
    return None


def _is_one_call(matching: Matching) -> bool:
    """Whether a match lies in one layer of an architecture file, or in one module of TorchScript.

    In other files, where nodes belong to neither, every match does. Constants belong to nobody.
    """
    return len({_owner(node) for node in matching.nodes if node.inputs}) < 2


def _owner(node: Node) -> str:
    """Return the layer or the module of a node, "" where the file tells neither."""
    if node.document_path is not None:
        return node.document_path
    is_torchscript = node.name.startswith("/") and SCOPES not in node.metadata
    return node.name.rpartition("/")[0] if is_torchscript else ""


def _is_closed(matching: Matching, root: Node, graph: Graph, operators: Operators) -> bool:
    """Whether no node outside of a match uses its intermediate tensors, except for their shape."""
    inside = {node.name for node in matching.nodes}
    for node in matching.nodes:
        if node is root:
            continue
        for name in node.outputs:
            if name in graph.outputs or any(
                user.name not in inside and operators.reads_contents(user)
                for user in graph.consumers.get(name, ())
            ):
                return False
    return True
