"""Custom autograd functions, whose operations autograd does not record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.frames import STACK, frames
from archlint.graph.program.modules import module_calls

_APPLIED = re.compile(r"\b[A-Z]\w*\.apply\(")
_FORWARD = "forward"


class CustomFunctions(Struct, frozen=True, dict=True):
    """The calls of subclasses of autograd's Function, where the file has source lines.

    Operators inside save nothing themselves: the function decides what to save, which no file
    records. It is assumed to save its inputs, since such functions usually exist to save memory.
    """

    graph: Graph

    @cached_property
    def inputs(self) -> Mapping[str, tuple[str, ...]]:
        """The inputs of the custom function around a node, by the name of the node."""
        calls: list[tuple[str, list[Node]]] = []
        for node in self.graph.nodes:
            place = _applied_at(node)
            if calls and calls[-1][0] == place:
                calls[-1][1].append(node)
            else:
                calls.append((place, [node]))
        return {
            node.name: given
            for place, nodes in calls
            if place
            for given in (self._given(nodes),)
            for node in nodes
        }

    def _given(self, nodes: list[Node]) -> tuple[str, ...]:
        made = {name for node in nodes for name in node.outputs}
        read = (name for node in nodes for name in node.inputs)
        return tuple(dict.fromkeys(name for name in read if name and name not in made))


def _applied_at(node: Node) -> str:
    """Return the source lines down to the one that applied a custom function, or ""."""
    if ".apply(" not in node.metadata.get(STACK, ""):
        return ""
    running, modules = frames(node), 1 + len(module_calls(node))  # and the network
    for depth, (outer, inner) in enumerate(pairwise(running), start=1):
        # A module that is called in the line, for what the function is given, has a scope.
        runs = sum(frame.function == _FORWARD for frame in running[: depth + 1])
        is_inside = inner.function == _FORWARD and runs > modules
        if is_inside and _APPLIED.search(outer.code):
            return "\n".join(f"{each.file}:{each.number}" for each in running[:depth])
    return ""
