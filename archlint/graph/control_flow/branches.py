"""Inlines the branch that an If takes, where its condition is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from onnx import AttributeProto, GraphProto, NodeProto

from archlint.graph.graph import Graph
from archlint.graph.value import Provenance, Shape

if TYPE_CHECKING:
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope


def taken_branch(node: NodeProto, scope: Scope) -> GraphProto | None:
    """Return the branch that an If node takes; None where its condition is not known."""
    if len(node.input) != 1 or not scope.find(node.input[0]):
        return None
    condition = scope.constants.get(node.input[0])
    if condition is None or condition.size != 1:
        return None
    wanted = "then_branch" if bool(condition.reshape(-1)[0]) else "else_branch"
    for attribute in node.attribute:
        if attribute.name == wanted and attribute.type == AttributeProto.GRAPH:
            return attribute.g if len(attribute.g.output) == len(node.output) else None
    return None


def lift(node: NodeProto, branch: GraphProto, taken: Callable[[str], bool]) -> GraphProto:
    """Return a copy of a branch whose tensor names are unique in the outer graph.

    The outputs of the branch get the names of the outputs of the If node; for an output that the
    branch does not compute itself, an Identity is added. Other names that are `taken` in the outer
    graph are prefixed with the name of the If node.
    """
    lifted = GraphProto()
    lifted.CopyFrom(branch)
    made = {name for inner in lifted.node for name in inner.output if name}
    stored = {tensor.name for tensor in lifted.initializer}
    names: dict[str, str] = {}
    passed = []
    for inner, outer in zip(lifted.output, node.output, strict=True):
        if inner.name in made and inner.name not in names:
            names[inner.name] = outer
        else:
            passed.append((inner.name, outer))
    label = node.name or next(iter(node.output), node.op_type)
    for name in (made | stored) - names.keys():
        if taken(name):
            names[name] = f"{label}/{name}"
    rename(lifted, names)
    for source, outer in passed:
        if outer:
            inner_name = names.get(source, source)
            lifted.node.append(NodeProto(op_type="Identity", input=[inner_name], output=[outer]))
    return lifted


def merge(node: Node, scope: Scope) -> None:
    """Set the outputs of an If with an unknown condition to what both branches agree on."""
    branches = [value for value in node.attributes.values() if isinstance(value, Graph)]
    if len(branches) != 2:
        return
    for name, *made in zip(node.outputs, *(branch.outputs for branch in branches), strict=False):
        first, second = (branch.values[inner] for branch, inner in zip(branches, made, strict=True))
        if name and first.dtype == second.dtype:
            shape = common(first.shape, second.shape)
            scope.learn(name, first.dtype, shape, Provenance.INFERRED)


def common(first: Shape | None, second: Shape | None) -> Shape | None:
    """Return a shape with the dimensions that two shapes agree on, None for the others."""
    if first is None or second is None or len(first) != len(second):
        return None
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))


def rename(graph: GraphProto, names: Mapping[str, str]) -> None:
    """Rename tensors in a graph, and in nested graphs that capture them."""
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for infos in (graph.value_info, graph.output):
        for info in infos:
            info.name = names.get(info.name, info.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                own = _own(attribute.g)
                outer = {old: new for old, new in names.items() if old not in own}
                rename(attribute.g, outer)


def _own(graph: GraphProto) -> set[str]:
    """Return the names of the tensors that a nested graph defines itself."""
    own = {info.name for info in graph.input}
    own.update(tensor.name for tensor in graph.initializer)
    own.update(name for node in graph.node for name in node.output)
    return own
