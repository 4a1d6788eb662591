"""Sorts the nodes of a model topologically."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnx import AttributeProto

from archlint.graph.invalid import InvalidGraph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from onnx import GraphProto, NodeProto


def sort_nodes(graph: GraphProto, outer: tuple[AbstractSet[str], ...] = ()) -> None:
    """Sort the nodes of `graph`, and of nested graphs, so that producers precede consumers.

    The original order is kept where possible (Kahn 1962). `outer` are the tensors of the outer
    graphs.

    Raises:
        InvalidGraph: the nodes form a cycle, or use a tensor without a producer.

    """
    given = {info.name for info in graph.input}
    given.update(tensor.name for tensor in graph.initializer)
    given.update(tensor.values.name for tensor in graph.sparse_initializer)
    nodes = list(graph.node)
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = [_needs(node, makers, (given, *outer)) for node in nodes]
    order = _kahn(needs)
    if len(order) < len(nodes):
        stuck = min(set(range(len(nodes))) - set(order))
        raise InvalidGraph("the nodes form a cycle", _label(nodes[stuck]))
    if order != sorted(order):
        copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies[index] for index in order)
    inner = (given, makers.keys(), *outer)
    for node in graph.node:
        for body in _bodies(node):
            sort_nodes(body, inner)


def _needs(
    node: NodeProto, makers: Mapping[str, int], given: tuple[AbstractSet[str], ...]
) -> set[int]:
    """Return the nodes that must come before `node`."""
    needs = set()
    for name in node.input:
        if name in makers:
            needs.add(makers[name])
        elif name and not any(name in names for names in given):
            raise InvalidGraph(f"tensor {name!r} is used, but nothing makes it", _label(node))
    needs.update(makers[name] for body in _bodies(node) for name in _used(body) if name in makers)
    return needs


def _kahn(needs: list[set[int]]) -> list[int]:
    """Return the nodes in order, without those on or after a cycle."""
    users: list[list[int]] = [[] for _ in needs]
    waiting = [len(before) for before in needs]
    for index, before in enumerate(needs):
        for maker in before:
            users[maker].append(index)
    order = [index for index, count in enumerate(waiting) if count == 0]
    for index in order:  # grows while it is walked
        for user in users[index]:
            waiting[user] -= 1
            if waiting[user] == 0:
                order.append(user)
    return order


def _used(graph: GraphProto) -> Iterator[str]:
    """Yield every name that a graph uses, defined inside or captured."""
    stack = [graph]
    while stack:
        body = stack.pop()
        yield from (info.name for info in body.output)
        for node in body.node:
            yield from node.input
            stack.extend(_bodies(node))


def _bodies(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g


def _label(node: NodeProto) -> str:
    return node.name or next((name for name in node.output if name), node.op_type)
