"""The sliding windows of a graph, one for each node and spatial axis."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.analysis.branch import length
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.sliding import Sliding, has_windows, sliding_windows
from archlint.ops.undetermined import Undetermined
from archlint.record import record


@record
class Window:
    """The window of a node along one axis of its input, and the sizes there where known."""

    node: Node
    axis: int
    sliding: Sliding
    size: int | None
    outputs: int | None

    @property
    def rounds_up(self) -> bool:
        """Whether a window that is only partly inside makes an output, too."""
        return bool(self.node.attributes.get("ceil_mode", 0))


def windows(graph: Graph) -> Iterator[Window]:
    """Yield the window of every convolution and pooling along each spatial axis."""
    for node in filter(has_windows, graph.nodes):
        call = Call(node, graph)
        try:
            slidings = sliding_windows(call)
        except Undetermined:
            continue
        if not slidings or not call.has_input(0):
            continue
        before, after = call.input(0).shape or (), call.output().shape or ()
        for axis, sliding in enumerate(slidings, start=2):
            yield Window(node, axis, sliding, length(before, axis), length(after, axis))
