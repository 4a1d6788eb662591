"""Locates findings: from a symbolic place to a line and column, or to a description of a node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.findings import Place
    from archlint.frontends.architecture import Architecture
    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.sources.span import Span

DocumentPath = tuple[str | int, ...]
"""Keys and indices that lead to a node of a text document."""


def locate(place: Place, architecture: Architecture, graph: Graph) -> Span | None:
    """Return where `place` stands in a text document; the first key for the whole file."""
    path = place.path if place.path is not None else path_of_node(place, graph)
    if path:
        return architecture.locate(path, place.key)
    return architecture.document.start


def path_of_node(place: Place, graph: Graph) -> DocumentPath:
    """Return the path of the node of a place, or of the producer of its tensor; () for none."""
    if place.node is None:
        return _of_tensor(place.tensor, graph)
    node = graph.by_name.get(place.node)
    return () if node is None else noted(node.document_path)


def _of_tensor(name: str | None, graph: Graph) -> DocumentPath:
    """Return the path of the source of a tensor: a node, an input, or the layer of a weight."""
    if name is None:
        return ()
    if name in graph.producers:
        return noted(graph.producers[name].document_path)
    if name in graph.weights:
        own = noted(graph.weights[name].document_path)
        users = graph.consumers.get(name, ())
        return own or next((noted(user.document_path) for user in users), ())
    return ("inputs", name) if name in graph.inputs else ()


def noted(text: str | None) -> DocumentPath:
    """Return the path that a front end recorded; () for none."""
    try:
        path = json.loads(text) if text else []
    except ValueError:
        return ()
    return tuple(path) if isinstance(path, list) else ()


def subject(place: Place, graph: Graph) -> str:
    """Return a line about the node or tensor of a place, with shapes."""
    node = graph.by_name.get(place.node) if place.node is not None else None
    if node is None and place.tensor is not None:
        node = graph.producers.get(place.tensor)
    if node is not None:
        return _call(node, graph)
    return _tensor(place.tensor, graph) if place.tensor is not None else ""


def _call(node: Node, graph: Graph) -> str:
    inputs = ", ".join(_tensor(name, graph) for name in node.inputs if name)
    outputs = ", ".join(_tensor(name, graph) for name in node.outputs if name)
    kind = f"{node.domain}.{node.op}" if node.domain else node.op
    return f"{kind} {node.name}: {inputs} -> {outputs}"


def _tensor(name: str, graph: Graph) -> str:
    value = graph.values.get(name)
    if value is None:
        return name
    dims = (
        "?" if value.shape is None else ", ".join("?" if d is None else str(d) for d in value.shape)
    )
    return f"{name} {value.dtype or '?'}[{dims}]"
