"""Paddings that an optimizer put together with the convolutions after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Attribute, Node
from archlint.graph.value import Dim, Role, Value

_RULES, _RULE = "pkg.onnxscript.rewriter.rule_name", "FuseConvPad"
_CONSTANT: Mapping[str, Attribute] = {"mode": "constant"}


def with_pads(graph: Graph) -> Graph:
    """Return `graph` with a padding in front of each convolution that one was merged with.

    Training keeps the padded tensor. A convolution that somebody pads for pads nothing itself.
    """
    values: dict[str, Value] = dict(graph.values)
    nodes: list[Node] = []
    for node in graph.nodes:
        padded = _padded(node, graph)
        if padded is None:
            nodes.append(node)
            continue
        values[padded.name] = padded
        nodes.append(Node(padded.name, "Pad", "", node.inputs[:1], (padded.name,), _CONSTANT, {}))
        attributes = {**node.attributes, "pads": (0,) * 2 * (len(padded.shape or ()) - 2)}
        nodes.append(replace(node, inputs=(padded.name, *node.inputs[1:]), attributes=attributes))
    if len(nodes) == len(graph.nodes):
        return graph
    return replace(graph, nodes=tuple(nodes), values=values)


def _padded(node: Node, graph: Graph) -> Value | None:
    """Return the padded input of a convolution, None where nothing was merged with it."""
    pads = node.attributes.get("pads")
    if _RULE not in node.metadata.get(_RULES, "") or not isinstance(pads, tuple):
        return None
    value = graph.values[node.inputs[0]]
    numbers = [pad for pad in pads if isinstance(pad, int)]
    if value.shape is None or not any(numbers):
        return None
    half = len(numbers) // 2
    longer = map(_longer, value.shape[2:], numbers[:half], numbers[half:])
    name = f"{value.name}#{node.name}"
    return replace(value, name=name, shape=(*value.shape[:2], *longer), role=Role.COMPUTED)


def _longer(dim: Dim, before: int, after: int) -> Dim:
    return dim + before + after if isinstance(dim, int) else None
