"""Unrolls loops whose iterations differ.

The body of a loop that builds a list, or whose state grows, has different shapes in each iteration.
Where the trip count is known, its iterations are read as nodes of the outer graph, as if the loop
had been unrolled when the model was exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, helper, numpy_helper

from archlint.graph.control_flow.branches import rename
from archlint.graph.graph import Graph

if TYPE_CHECKING:
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope

_MOST_NODES = 10_000
"""Nodes that the loops of a model may be unrolled to; further loops stay loops."""
_CONSTANT = "Constant"


class Allowance:
    """The number of nodes that may still be unrolled, which bounds the growth of small files."""

    def __init__(self, nodes: int = _MOST_NODES) -> None:
        self._left = nodes

    def spend(self, nodes: int) -> bool:
        """Take `nodes` from the allowance if they are left; return whether they were."""
        if nodes > self._left:
            return False
        self._left -= nodes
        return True


def body_of(proto: NodeProto) -> GraphProto | None:
    """Return the body of a loop."""
    return next((each.g for each in proto.attribute if each.name == "body"), None)


def size(graph: GraphProto) -> int:
    """Return the number of nodes of a graph, including nested graphs."""
    return sum(1 + sum(size(inner) for inner in _graphs(node)) for node in graph.node)


def iterations_differ(node: Node, scope: Scope) -> bool:
    """Whether iterations of a loop differ: some shape in it is not the same in all of them."""
    body = node.attributes.get("body")
    if node.op != "Loop" or not isinstance(body, Graph):
        return False
    results = (scope.values[name] for name in node.outputs if name)
    made = (body.values[name] for inner in body.nodes for name in inner.outputs if name)
    return any(value.shape is None or None in value.shape for value in (*results, *made))


def unroll(proto: NodeProto, trips: int, opset: int) -> Iterator[GraphProto]:
    """Yield the iterations of a loop as graphs whose tensor names are unique in the outer graph.

    All iterations share the constants that the first one stores. The names of the tensors that an
    iteration computes end in its number.
    """
    body = body_of(proto)
    if body is None or not _hands_on(body, len(proto.input)):
        return
    label = next(filter(None, proto.output), proto.op_type)
    once = {each.name for each in body.initializer}
    once.update(name for node in body.node if node.op_type == _CONSTANT for name in node.output)
    shared = {name: f"{label}/{name}" for name in once}
    first = GraphProto()
    states = list(proto.input[1:])
    states[0] = states[0] or _constant(first, f"{label}/start", np.array(True))
    yield first
    collected: list[list[str]] = [[] for _ in body.output[len(states) :]]
    for number in range(trips):
        graph, suffix = GraphProto(), f"@{number}"
        count = _constant(graph, f"{label}/{body.input[0].name}{suffix}", np.array(number))
        given = zip((info.name for info in body.input), (count, *states), strict=True)
        names = {**shared, **_own(body, once, f"{label}/", suffix), **dict(given)}
        _copy(body, graph, is_first=number == 0)
        rename(graph, names)
        _tell_apart(graph, suffix)
        made = [names.get(info.name, info.name) for info in body.output]
        states = made[: len(states)]
        for place, name in enumerate(made[len(states) :]):
            wide = f"{label}/{place}{suffix}"
            collected[place].append(_with_axis(graph, name, wide, opset))
        yield graph
    yield _results(proto, states[1:], collected)


def _hands_on(body: GraphProto, given: int) -> bool:
    """Whether a body has all inputs of its loop, and outputs for its condition and states."""
    return len(body.input) == given and len(body.output) >= given - 1


def _copy(body: GraphProto, graph: GraphProto, *, is_first: bool) -> None:
    """Add the nodes of a body to a graph; only the first iteration stores the constants."""
    if is_first:
        graph.initializer.extend(body.initializer)
    graph.node.extend(node for node in body.node if is_first or node.op_type != _CONSTANT)


def _own(body: GraphProto, once: set[str], prefix: str, suffix: str) -> Mapping[str, str]:
    """Return names for the tensors that each iteration creates."""
    made = (name for node in body.node for name in node.output if name and name not in once)
    return {name: f"{prefix}{name}{suffix}" for name in made}


def _constant(graph: GraphProto, name: str, contents: np.ndarray) -> str:
    """Add a Constant node to a graph; return the name of its output."""
    value = numpy_helper.from_array(contents)
    graph.node.append(helper.make_node(_CONSTANT, [], [name], value=value))
    return name


def _with_axis(graph: GraphProto, name: str, wide: str, opset: int) -> str:
    """Add a new first axis to a tensor; return the name of the result."""
    node = NodeProto(op_type="Unsqueeze", input=[name], output=[wide])
    if opset < 13:  # the axes are an input since Unsqueeze-13
        node.attribute.append(helper.make_attribute("axes", [0]))
    else:
        node.input.append(_constant(graph, f"{wide}/axes", np.array([0])))
    graph.node.append(node)
    return wide


def _results(proto: NodeProto, states: list[str], collected: list[list[str]]) -> GraphProto:
    """Return a graph that computes the outputs of the loop: final states and collected outputs."""
    graph = GraphProto()
    for outer, source in zip(proto.output, states, strict=False):
        if outer:
            graph.node.add(op_type="Identity", input=[source], output=[outer])
    for outer, parts in zip(proto.output[len(states) :], collected, strict=True):
        if outer:
            node = graph.node.add(op_type="Concat", input=parts, output=[outer])
            node.attribute.append(helper.make_attribute("axis", 0))
    return graph


def _tell_apart(graph: GraphProto, suffix: str) -> None:
    """Make the node names of one iteration unique, at any depth."""
    for node in graph.node:
        if node.name:
            node.name += suffix
        for inner in _graphs(node):
            _tell_apart(inner, suffix)


def _graphs(node: NodeProto) -> Iterator[GraphProto]:
    return (each.g for each in node.attribute if each.type == AttributeProto.GRAPH)
