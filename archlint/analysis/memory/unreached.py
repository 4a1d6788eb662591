"""Tensors that autograd saves for results that receive no gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.memory.saved import NodeSaved, Saved
from archlint.graph.node import Node


class Passing(Struct, frozen=True):
    """Tensors that a node saves without use, alive from the node to the last node in need of it."""

    saved: NodeSaved
    until: int


class Unreached(Struct, frozen=True, dict=True):
    """The parts of a forward pass that reach no output, such as rounded or detached tensors.

    Autograd does not know that in advance: it saves tensors for them, and a tensor keeps the saved
    tensors of its history alive. They are freed with the last tensor computed from them; `last` has
    the index of the last node that reads each tensor, or during which a variable holds it.
    """

    saved: Saved
    last: Mapping[str, int]

    @cached_property
    def passing(self) -> Mapping[str, Passing]:
        """The tensors that are saved without use, by the name of the node that saves them."""
        nodes = [*self._nodes()]
        if not nodes:
            return {}
        known = replace(self.saved, gradients=self.saved.gradients.recorded).of_node
        until: dict[str, int] = {}
        found: dict[str, Passing] = {}
        for index, node in reversed(nodes):
            made = (name for name in node.outputs if name in self.saved.gradients.needed)
            ends = [max(self.last.get(name, index), until.get(name, index)) for name in made]
            end = max(ends, default=index)
            for name in node.inputs:
                until[name] = max(end, until.get(name, end))
            if known[node.name].keeps:
                found[node.name] = Passing(known[node.name], end)
        return found

    def _nodes(self) -> Iterator[tuple[int, Node]]:
        """Yield the nodes that are recorded and reach no output, and their indices."""
        flow = self.saved.gradients
        rerun = {node.name for segment in self.saved.segments for node in segment.nodes}
        for index, node in enumerate(self.saved.graph.nodes):
            if node.name in flow.reaching or node.name in rerun:
                continue
            if flow.records(node) and not flow.needed.isdisjoint(node.outputs):
                yield index, node
