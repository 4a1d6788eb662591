"""The operators that a program ran under `no_grad`, as torch.export records it."""

from __future__ import annotations

import re
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.frames import STACK

# torch.export wraps such a part in a submodule, in which a weight has its name in the whole
# program. Under autocast, for which it creates submodules too, the name is `arg1_1`.
_PART = re.compile(r'File "(<eval_with_key>[^"\n]*)"[^\n]*\n(?P<code>[^\n]*)')
_OF_PROGRAM = re.compile(r"\b[pb]_\w+")
_NAME = re.compile(r"\w+")


class WithoutGradient(Struct, frozen=True, dict=True):
    """The parts of a graph that were run under `no_grad`: those that name what they are given."""

    graph: Graph

    def ran(self, node: Node) -> bool:
        """Whether a node is in such a part."""
        return bool(self._parts) and _part(node)[0] in self._parts

    @cached_property
    def _parts(self) -> frozenset[str]:
        parts = ((node, *_part(node)) for node in self.graph.nodes)
        return frozenset(
            name
            for node, name, code in parts
            if name and (_OF_PROGRAM.search(code) or self._names_outside(node, name, code))
        )

    def _names_outside(self, node: Node, part: str, code: str) -> bool:
        """Whether a line of a part gives the name of a tensor that was made outside."""
        named = set(_NAME.findall(code.partition("=")[2]))
        makers = (self.graph.producers.get(name) for name in node.inputs if name in named)
        return any(maker is not None and _part(maker)[0] != part for maker in makers)


def _part(node: Node) -> tuple[str, str]:
    """Return the innermost generated submodule in which a node ran, and the line there."""
    stack = node.metadata.get(STACK, "")
    found = [*_PART.finditer(stack)] if "<eval_with_key>" in stack else []
    return (found[-1][1], found[-1]["code"]) if found else ("", "")
