"""Which contents depend on which: of the inputs on the way in, of the outputs on the way back."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.ops.registry import Operators


class Dependence(Struct, frozen=True, dict=True):
    """The dependence of contents in a graph; a shape does not change with the contents."""

    graph: Graph
    operators: Operators

    @property
    def independent_outputs(self) -> tuple[str, ...]:
        """The outputs that the contents of no input can change; none where there are no inputs."""
        graph = self.graph
        return tuple(name for name in graph.outputs if graph.inputs and name not in self._reached)

    @property
    def ineffective_inputs(self) -> tuple[str, ...]:
        """The inputs that something reads, and whose contents can change no output."""
        graph = self.graph
        return tuple(
            name for name in graph.inputs if graph.consumers.get(name) and name not in self._used
        )

    @cached_property
    def _reached(self) -> frozenset[str]:
        """The tensors that the contents of inputs can change."""
        reached = set(self.graph.inputs)
        nested = self.graph.inner
        for node in self.graph.nodes:
            used = self.graph.operands(node) if node.name in nested else node.inputs
            if not reached.isdisjoint(used) and self.operators.reads_contents(node):
                reached.update(node.outputs)
        return frozenset(reached - {""})

    @cached_property
    def _used(self) -> frozenset[str]:
        """The tensors whose contents can change an output."""
        used = set(self.graph.outputs)
        for node in reversed(self.graph.nodes):
            makes = not used.isdisjoint(filter(None, node.outputs))
            if makes and self.operators.reads_contents(node):
                used.update(self.graph.operands(node))
        return frozenset(used)
