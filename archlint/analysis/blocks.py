"""The repeated parts of a network: the layers of a transformer, the blocks of a residual net."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from archlint.graph.graph import Graph
from archlint.record import record

Path = tuple[str, ...]
_NUMBER = re.compile(r"_?\d+$")
_FEWEST_LAYERS = 2  # with weights of their own: one alone is a layer and no block


@record(slots=False)
class Blocks:
    """Modules that stand in a row beside others of their kind.

    `paths` is the way to the module of each node. A block has a number in its name that sets it
    apart from its neighbours (`layers.0`, `layer1.2`, `bottleneck_3`), holds more than one layer
    with weights, reads what its neighbour made, and holds no smaller blocks.
    """

    graph: Graph
    paths: Mapping[str, Path]

    @cached_property
    def found(self) -> tuple[Path, ...]:
        """The ways to the blocks, in the order of their first nodes."""
        named = [path for path in self._layers if len(path) and self._is_numbered(path)]
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
            weighted = any(len(self.graph.values[name].shape or ()) > 1 for name in node.inputs
                           if name in self.graph.weights)  # fmt: skip
            for end in range(1, len(path) + 1):
                counts[path[:end]] = counts.get(path[:end], 0) + weighted
        return counts

    def _is_numbered(self, path: Path) -> bool:
        """Whether a sibling has the same name but for a number at its end."""
        return self._families[*path[:-1], _NUMBER.sub("", path[-1])] > 1

    @cached_property
    def _families(self) -> dict[Path, int]:
        families: dict[Path, int] = {}
        for path in self._layers:
            family = (*path[:-1], _NUMBER.sub("", path[-1]))
            families[family] = families.get(family, 0) + 1
        return families

    def _neighbours(self, modules: set[Path]) -> Iterator[tuple[Path, Path]]:
        """Yield siblings of which one reads what the other made."""
        for node in self.graph.nodes:
            reader = self.path(node.name)
            for name in node.inputs:
                maker = self.graph.producers.get(name)
                if maker is None:
                    continue
                made = self.path(maker.name)
                shared = next(
                    (at for at, pair in enumerate(zip(made, reader, strict=False))
                     if pair[0] != pair[1]), None,
                )  # fmt: skip
                if shared is not None:
                    pair = made[: shared + 1], reader[: shared + 1]
                    if modules.issuperset(pair):
                        yield pair

    def path(self, node: str) -> Path:
        """Return the way to the module of a node; a hidden layer is in that of the node before."""
        return self.paths.get(node.partition("#")[0], ())
