"""Inlines model-local functions, guarded against endless expansion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from onnx import AttributeProto, inliner

from archlint.graph.invalid import InvalidGraph

if TYPE_CHECKING:
    from onnx import FunctionProto, ModelProto, NodeProto

_MOST_CALLS = 100_000
"""Largest number of nodes after inlining: a file of 1.5 KB can expand to 2^20 calls."""

_Key: TypeAlias = tuple[str, str, str]
"""Domain, name and overload of a function."""


def inline_functions(model: ModelProto) -> ModelProto:
    """Return the model with its local functions inlined; the model itself if it has none.

    Raises:
        InvalidGraph: functions call themselves, or expand to more than 100,000 nodes.

    """
    if not model.functions:
        return model
    _guard(model)
    try:
        return inliner.inline_local_functions(model)
    except RuntimeError as error:
        raise InvalidGraph(f"functions cannot be expanded: {error}") from error


def _guard(model: ModelProto) -> None:
    """Count the nodes that the model expands to, without expanding it."""
    functions = {
        (function.domain, function.name, function.overload): function
        for function in model.functions
    }
    expanded: dict[_Key, int] = {}
    for key in functions:
        _expand(key, functions, expanded)
    if _size(model.graph.node, expanded) > _MOST_CALLS + len(model.graph.node):
        raise InvalidGraph(f"functions expand to more than {_MOST_CALLS} nodes")


def _expand(
    start: _Key, functions: Mapping[_Key, FunctionProto], expanded: dict[_Key, int]
) -> None:
    """Compute the number of nodes that `start` expands to, callees first, without recursion."""
    stack: list[tuple[_Key, bool]] = [(start, False)]
    open_calls: set[_Key] = set()
    while stack:
        key, done = stack.pop()
        if done:
            open_calls.discard(key)
            expanded[key] = min(_size(functions[key].node, expanded), 2 * _MOST_CALLS)
        elif key not in expanded:
            if key in open_calls:
                raise InvalidGraph(f"function {key[1]!r} calls itself")
            open_calls.add(key)
            stack.append((key, True))
            callees = {_key(node) for node in _nodes(functions[key].node)}
            for callee in callees & functions.keys():
                if callee in open_calls:
                    raise InvalidGraph(f"function {callee[1]!r} calls itself")
                stack.append((callee, False))


def _size(nodes: Iterable[NodeProto], expanded: Mapping[_Key, int]) -> int:
    """Return the number of nodes that `nodes` and their nested graphs expand to."""
    return sum(expanded.get(_key(node), 1) for node in _nodes(nodes))


def _key(node: NodeProto) -> _Key:
    return (node.domain, node.op_type, node.overload)


def _nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield the nodes and those of nested graphs."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                stack.extend(attribute.g.node)
            elif attribute.type == AttributeProto.GRAPHS:
                for graph in attribute.graphs:
                    stack.extend(graph.node)
