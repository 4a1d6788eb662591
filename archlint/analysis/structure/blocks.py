"""The repeated blocks of a network, such as transformer layers or residual blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.program.modules import SCOPES, Path, module_calls

_NUMBER = re.compile(r"_?\d+$")
_FEWEST_LAYERS = 2  # layers with weights: a single one is not a block


class Blocks(Struct, frozen=True, dict=True):
    """Consecutive modules of the same kind.

    `file` is the graph of the file, whose nodes have the module paths of those of `graph`. A block
    differs from its neighbours by a number in its name (`layers.0`, `layer1.2`, `bottleneck_3`),
    contains more than one layer with weights, reads the output of its neighbour, and contains no
    smaller blocks.
    """

    graph: Graph
    file: Graph

    @cached_property
    def found(self) -> tuple[Path, ...]:
        """The paths of the blocks, in the order of their first nodes."""
        named = filter(self._is_numbered, self._layers)
        large = {path for path in named if self._layers[path] >= _FEWEST_LAYERS}
        chained = {path for pair in self._neighbours(large) for path in pair}
        outer = {path[:end] for path in chained for end in range(1, len(path))}
        return tuple(path for path in self._layers if path in chained - outer)

    @property
    def modules(self) -> tuple[Path, ...]:
        """The paths of all modules, in the order of their first nodes."""
        return tuple(self._layers)

    @cached_property
    def _layers(self) -> dict[Path, int]:
        """The number of nodes with a stored matrix or kernel in each module, in graph order.

        A node that reads the matrix of an earlier one, maybe only its shape, is no layer besides.
        """
        counts: dict[Path, int] = {}
        seen: set[tuple[Path, str]] = set()
        for node in self.graph.nodes:
            path = self.path(node.name)
            read = {(path, name) for name in node.inputs if self._is_matrix(name)}
            weighted = not read <= seen
            seen |= read
            for end in range(1, len(path) + 1):
                counts[path[:end]] = counts.get(path[:end], 0) + weighted
        return counts

    def _is_matrix(self, name: str) -> bool:
        return name in self.graph.weights and len(self.graph.values[name].shape or ()) > 1

    def _is_numbered(self, path: Path) -> bool:
        """Whether a sibling has the same name except for a number at its end."""
        return self._families[*path[:-1], _NUMBER.sub("", path[-1])] > 1

    @cached_property
    def _families(self) -> Counter[Path]:
        return Counter((*path[:-1], _NUMBER.sub("", path[-1])) for path in self._layers)

    def _neighbours(self, modules: set[Path]) -> Iterator[tuple[Path, Path]]:
        """Yield pairs of siblings, one of which reads the output of the other."""
        for node in self.graph.nodes:
            reader = self.path(node.name)
            makers = (self.graph.producers.get(name) for name in node.inputs)
            for maker in makers:
                siblings = None if maker is None else _siblings(self.path(maker.name), reader)
                if siblings is not None and modules.issuperset(siblings):
                    yield siblings

    def path(self, node: str) -> Path:
        """Return the module path of a node; a restored layer has that of the previous node."""
        calls = self.calls(node)
        return calls[-1] if calls else ()

    def calls(self, node: str) -> tuple[Path, ...]:
        """Return the paths of the modules whose calls a node is part of, outermost first."""
        found = self._calls.get(node)
        return self._calls.get(node.partition("#")[0], ()) if found is None else found

    @cached_property
    def _calls(self) -> Mapping[str, tuple[Path, ...]]:
        # Nodes added by restoration may record modules of their own.
        besides = (
            node for node in self.graph.nodes if "#" in node.name and SCOPES in node.metadata
        )
        calls = {node.name: module_calls(node) for node in (*self.file.nodes, *besides)}
        if any(SCOPES in node.metadata for node in self.file.nodes):
            for node in self.file.nodes:  # an optimizer notes nothing of the Split that it writes
                maker = self.file.producers.get(node.inputs[0]) if node.inputs else None
                if SCOPES not in node.metadata and maker is not None:
                    calls[node.name] = calls[maker.name]
        return calls


def _siblings(one: Path, other: Path) -> tuple[Path, Path] | None:
    """Return the sibling modules that contain both, None within one module."""
    for at, names in enumerate(zip(one, other, strict=False), 1):
        if names[0] != names[1]:
            return one[:at], other[:at]
    return None
