"""Which call of its module each node is part of, as the TorchScript exporter numbers them.

The exporter writes the way to a node into its name, and a number behind the module from its second
call on: `/attention/MatMul` ran in the first call of `attention`, `/attention_2/MatMul` in the
third. A module may as well have such a name itself. It is no call if it has weights of its own, or
if no node is in a module of that name without the number.

Only the innermost module is numbered: `/attention/key_2/MatMul` may be part of any call of the
attention in which the key runs. It is part of the call of the same number if both, and all modules
between them, were called equally often.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.program.modules import module_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node

_AGAIN = re.compile(r"(.+)_([0-9]{1,9})")
_LONGEST = 1000  # of a name that an exporter writes
_ENTRY = re.compile(r"\.[0-9]+")


class CallNumbers(Struct, frozen=True, dict=True):
    """The calls of modules that the names of nodes tell, with numbers from 0."""

    graph: Graph

    @property
    def repeat(self) -> bool:
        """Whether any module was called several times."""
        return any(number for _, number in self._places.values())

    def module(self, node: Node) -> str:
        """Return the module that ran a node, as `/attention/key`; "" for the network itself."""
        return self._places[node.name][0]

    def times(self, module: str) -> int | None:
        """Return how often a module was called, None where nothing tells.

        Each entry of a sequence runs once whenever the sequence does.
        """
        if module in self._times:
            return self._times[module]
        entry = module + "/" + module.rpartition("/")[2]
        entries = [
            each
            for each in self._inside.get(module, ())
            if each.startswith(entry) and _ENTRY.fullmatch(each, len(entry))
        ]
        known = [times for each in entries if (times := self.times(each)) is not None]
        self._times[module] = max(known, default=None)
        return self._times[module]

    def number(self, node: Node, module: str) -> int | None:
        """Return which call of `module` a node is part of, None where that is open or none."""
        inner, number = self._places[node.name]
        if not f"{inner}/".startswith(f"{module}/"):
            return None
        times = self.times(inner)
        while inner != module:
            inner = inner.rpartition("/")[0]
            if times is None or self.times(inner) != times:
                return None
        return number

    @cached_property
    def _places(self) -> Mapping[str, tuple[str, int]]:
        """The module that ran each node, and the number of its call, by the name of the node."""
        names = (node.name for node in self.graph.nodes)
        ways = {name: name.rpartition("/")[0] if len(name) < _LONGEST else "" for name in names}
        ran = {ways[node.name]: node for node in self.graph.nodes}
        places: dict[str, tuple[str, int]] = {}
        for way, node in ran.items():
            again = _AGAIN.fullmatch(way)
            is_again = again is not None and again[1] in ran
            if again and is_again and module_path(node) not in self._stored:
                places[way] = again[1], int(again[2])
        return {name: places.get(way, (way, 0)) for name, way in ways.items()}

    @cached_property
    def _stored(self) -> frozenset[tuple[str, ...]]:
        """The ways to all modules that have weights: one of these is no call of another one."""
        parts = (name.split(".") for name in self.graph.weights)
        return frozenset(tuple(each[:end]) for each in parts for end in range(1, len(each)))

    @cached_property
    def _times(self) -> dict[str, int | None]:
        """The number of calls of each module that ran a node itself."""
        times: dict[str, int | None] = {}
        for module, number in self._places.values():
            times[module] = max(times.get(module) or 0, number + 1)
        return times

    @cached_property
    def _inside(self) -> Mapping[str, list[str]]:
        """The modules that each module contains, with or without nodes of their own."""
        inside: dict[str, dict[str, None]] = {}
        for module in self._times:
            inner = module
            while inner:
                outer = inner.rpartition("/")[0]
                inside.setdefault(outer, {})[inner] = None
                inner = outer
        return {outer: [*inner] for outer, inner in inside.items()}
