"""The calls of modules in parts of a program for which torch.export records none.

What runs under `no_grad` becomes a graph of its own in the exported program, which is generated
code: the traceback of its nodes has the file `<eval_with_key>`, no line of the program and no
module. Memory depends on the module all the same, since its arguments live until it returns. The
names of weights tell it: what reads `trunk.0.1.weight` was run by `trunk.0.1`, and that by all
modules around it unless these are lists. What has no weight may be part of the module before it or
of the one behind it. Since nothing says so for sure, these calls count for the upper bound alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.frames import STACK, frames
from archlint.graph.program.modules import Path, module_path

_DEEPEST = 64  # modules inside of one another
_GENERATED = "<eval_with_key>"  # the file of a part that torch.export made of what ran so


class UnrecordedCalls(Struct, frozen=True, dict=True):
    """The calls that may have run the nodes under `no_grad`, as the names of weights tell."""

    graph: Graph

    def __bool__(self) -> bool:
        """Whether there is such a part."""
        return bool(self._calls)

    def calls(self, node: str) -> tuple[Path, ...]:
        """Return the paths of the modules whose calls a node may be part of, outermost first."""
        return self._calls.get(node, ())

    @cached_property
    def _calls(self) -> Mapping[str, tuple[Path, ...]]:
        nodes = [node for node in self.graph.nodes if _is_unrecorded(node)]
        owners = {node.name: self._owner(node) for node in nodes}
        weighted = Counter(filter(None, owners.values()))
        before = _nearest(nodes, owners)
        behind = _nearest(reversed(nodes), owners)
        calls: dict[str, tuple[Path, ...]] = {}
        for node in nodes:
            owner = owners[node.name]
            near = [owner] if owner else [before[node.name], behind[node.name]]
            # A layer is a module that does nothing else.
            outer = (path if owner or weighted[path] > 1 else path[:-1] for path in near)
            calls[node.name] = tuple(sorted({each for path in outer for each in _around(path)}))
        return calls

    def _owner(self, node: Node) -> Path:
        """Return the module of the weight that a node reads, () where it reads none."""
        weight = next((name for name in node.inputs if name in self.graph.weights), "")
        return tuple(weight.split(".", _DEEPEST)[:-1])


def _nearest(nodes: Iterable[Node], owners: Mapping[str, Path]) -> dict[str, Path]:
    """Return the module of the last weight that was read up to each node."""
    nearest: dict[str, Path] = {}
    module: Path = ()
    for node in nodes:
        module = nearest[node.name] = owners[node.name] or module
    return nearest


def _is_unrecorded(node: Node) -> bool:
    is_part = _GENERATED in node.metadata.get(STACK, "")
    return is_part and not frames(node) and not module_path(node)


def _around(path: Path) -> Iterator[Path]:
    """Yield a module and those around it."""
    yield from (path[:end] for end in range(1, len(path) + 1))
