"""The sliding windows of a graph, one for each node and spatial axis."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.analysis.branch import length
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.sliding import Sliding, has_weighted_windows, has_windows, sliding_windows
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
    def is_weighted(self) -> bool:
        """Whether what it reads is weighed, as in a convolution, and not pooled."""
        return has_weighted_windows(self.node)

    @property
    def fits(self) -> bool | None:
        """Whether the padded map is as long as the window; None where that is not known."""
        if self.size is None or self.sliding.padding is None:
            return None
        return self.size + self.sliding.padding >= self.sliding.extent

    @property
    def useful_taps(self) -> int | None:
        """How many places of the kernel ever lie on the map, not on padding; None as above."""
        sliding, size = self.sliding, self.size
        if size is None or sliding.pads is None:
            return None
        outputs = (size + sum(sliding.pads) - sliding.extent) // sliding.stride + 1
        useful = 0
        for tap in range(sliding.kernel):
            place = tap * sliding.dilation - sliding.pads[0]
            first = max(0, -(place // sliding.stride))  # the first output without padding before
            useful += first < outputs and first * sliding.stride + place < size
        return useful

    @property
    def remainder(self) -> int:
        """(W + P - K) mod S, with both paddings in P; 0 where a size is not known."""
        sliding = self.sliding
        if self.size is None or sliding.padding is None:
            return 0
        if sliding.stride == 1 or str(self.node.attributes.get("auto_pad", "")).startswith("SAME"):
            return 0
        span = self.size + sliding.padding - sliding.extent
        return span % sliding.stride if span >= 0 else 0

    @property
    def unread(self) -> int:
        """How many elements at the end no window covers; 0 where that is not known."""
        if self.sliding.after is None or self.rounds_up:
            return 0
        return max(0, self.remainder - self.sliding.after)

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
