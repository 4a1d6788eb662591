"""The repeated blocks of a network, such as transformer layers or residual blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property

from archlint.graph.graph import Graph
from archlint.graph.program.modules import SCOPES, Path, module_calls
from archlint.record import record

_NUMBER = re.compile(r"_?\d+$")
_FEWEST_LAYERS = 2  # with weights of their own: one alone is a layer and no block


@record(slots=False)
class Blocks:
    """Modules that stand in a row beside others of their kind.

    `file` is the graph of the file, whose nodes tell the modules of those of `graph`. A block has a
    number in its name that sets it apart from its neighbours (`layers.0`, `layer1.2`,
    `bottleneck_3`), holds more than one layer with weights, reads what its neighbour made, and
    holds no smaller blocks.
    """

    graph: Graph
    file: Graph

    @cached_property
    def found(self) -> tuple[Path, ...]:
        """The ways to the blocks, in the order of their first nodes."""
        named = filter(self._is_numbered, self._layers)
        large = {path for path in named if self._layers[path] >= _FEWEST_LAYERS}
        chained = {path for pair in self._neighbours(large) for path in pair}
        outer = {path[:end] for path in chained for end in range(1, len(path))}
        return tuple(path for path in self._layers if path in chained - outer)

    @property
    def modules(self) -> tuple[Path, ...]:
        """The ways to all modules, in the order of their first nodes."""
        return tuple(self._layers)

    @cached_property
    def _layers(self) -> dict[Path, int]:
        """How many nodes with a stored matrix or kernel each module holds, in graph order."""
        counts: dict[Path, int] = {}
        for node in self.graph.nodes:
            path = self.path(node.name)
            weighted = any(map(self._is_matrix, node.inputs))
            for end in range(1, len(path) + 1):
                counts[path[:end]] = counts.get(path[:end], 0) + weighted
        return counts

    def _is_matrix(self, name: str) -> bool:
        return name in self.graph.weights and len(self.graph.values[name].shape or ()) > 1

    def _is_numbered(self, path: Path) -> bool:
        """Whether a sibling has the same name but for a number at its end."""
        return self._families[*path[:-1], _NUMBER.sub("", path[-1])] > 1

    @cached_property
    def _families(self) -> Counter[Path]:
        return Counter((*path[:-1], _NUMBER.sub("", path[-1])) for path in self._layers)

    def _neighbours(self, modules: set[Path]) -> Iterator[tuple[Path, Path]]:
        """Yield siblings of which one reads what the other made."""
        for node in self.graph.nodes:
            reader = self.path(node.name)
            makers = (self.graph.producers.get(name) for name in node.inputs)
            for maker in makers:
                siblings = None if maker is None else _siblings(self.path(maker.name), reader)
                if siblings is not None and modules.issuperset(siblings):
                    yield siblings

    def path(self, node: str) -> Path:
        """Return the way to the module of a node; a hidden layer is in that of the node before."""
        calls = self.calls(node)
        return calls[-1] if calls else ()

    def calls(self, node: str) -> tuple[Path, ...]:
        """Return the ways to the modules whose calls a node is part of, from the outermost on."""
        found = self._calls.get(node)
        return self._calls.get(node.partition("#")[0], ()) if found is None else found

    @cached_property
    def _calls(self) -> Mapping[str, tuple[Path, ...]]:
        # What a restored graph has besides may note modules of its own.
        besides = (
            node for node in self.graph.nodes if "#" in node.name and SCOPES in node.metadata
        )
        return {node.name: module_calls(node) for node in (*self.file.nodes, *besides)}


def _siblings(one: Path, other: Path) -> tuple[Path, Path] | None:
    """Return the modules around both that stand beside each other, None within one module."""
    for at, names in enumerate(zip(one, other, strict=False), 1):
        if names[0] != names[1]:
            return one[:at], other[:at]
    return None
