"""What autograd saves for results to which no gradient comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from archlint.analysis.memory.saved import NodeSaved, Saved
from archlint.graph.node import Node
from archlint.record import record, replace


@record
class Passing:
    """What a node saves in vain, from where it runs up to the last node that it is alive for."""

    saved: NodeSaved
    until: int


@record(slots=False)
class Unreached:
    """The parts of a forward pass that reach no output, such as what is rounded or detached.

    Autograd does not know that yet: it saves tensors for them, and a tensor holds all that was
    saved to make it. That is freed when the last tensor goes that was made from it; `last` has the
    index of the last node that reads each tensor, or while which a variable holds it.
    """

    saved: Saved
    last: Mapping[str, int]

    @cached_property
    def passing(self) -> Mapping[str, Passing]:
        """What is saved in vain, by the name of the node that saves it."""
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
            if flow.recorded.of(node).needed and not flow.needed.isdisjoint(node.outputs):
                yield index, node
