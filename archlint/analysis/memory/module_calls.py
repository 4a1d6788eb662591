"""The range of nodes of each module call, and so when it returns."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import Protocol

from msgspec import Struct

from archlint.graph.generated_names import is_generated_name
from archlint.graph.graph import Graph
from archlint.graph.program.modules import Path


class Calls(Protocol):
    """What knows the modules that ran each node."""

    def calls(self, node: str) -> tuple[Path, ...]:
        """Return the paths of the modules whose calls a node is part of, outermost first."""


class ModuleCalls(Struct, frozen=True, dict=True):
    """The calls of modules in the order of the nodes of `graph`.

    A call consists of consecutive nodes of one module that use no weight twice: a second use is
    another call of the same module.
    """

    graph: Graph
    blocks: Calls

    def end(self, module: Path, index: int) -> int:
        """Return the last node of the call of a module that node `index` is part of."""
        starts, ends = self._calls[module]
        return ends[bisect_right(starts, index) - 1]

    @cached_property
    def _calls(self) -> dict[Path, tuple[list[int], list[int]]]:
        """The indices of the first and the last nodes of the calls of each module."""
        calls: dict[Path, tuple[list[int], list[int]]] = {}
        used: dict[Path, set[str]] = {}
        before: tuple[Path, ...] = ()
        weights, values = self.graph.weights, self.graph.values
        for index, node in enumerate(self.graph.nodes):
            modules = self.blocks.calls(node.name)
            if not modules:  # exporters put constants in between, which belong to no module
                continue
            # Exporters share their own constants, and read the shapes of weights in advance.
            dtype = values[node.output].dtype if node.output else None
            is_use = dtype is not None and dtype.is_float
            reads = [
                name
                for name in node.inputs
                if is_use and name in weights and not is_generated_name(name)
            ]
            for module in modules:
                goes_on = module in before and used[module].isdisjoint(reads)
                starts, ends = calls.setdefault(module, ([], []))
                if goes_on:
                    ends[-1] = index
                else:
                    starts.append(index)
                    ends.append(index)
                    used[module] = set()
                used[module].update(reads)
            before = modules
        return calls
