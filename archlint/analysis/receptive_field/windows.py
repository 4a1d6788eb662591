"""The sliding windows of a graph, one per node and spatial axis."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from archlint.analysis.receptive_field.branch import length
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.sliding import (
    Sliding,
    fits_padding,
    has_weighted_windows,
    has_windows,
    input_size,
    output_size,
    rounds_up,
    sliding_windows,
)
from archlint.ops.undetermined import Undetermined


class Window(Struct, frozen=True):
    """The window of a node along one axis of its input, with the sizes there where known."""

    node: Node
    axis: int
    sliding: Sliding
    size: int | None
    outputs: int | None

    @property
    def is_weighted(self) -> bool:
        """Whether the window is weighted, as in a convolution, and not pooled."""
        return has_weighted_windows(self.node)

    @property
    def fits(self) -> bool | None:
        """Whether the padded map is at least as long as the window; None if not known."""
        if self.size is None or self.sliding.padding is None:
            return None
        return self.size + self.sliding.padding >= self.sliding.extent

    @property
    def useful_taps(self) -> int | None:
        """The number of kernel taps that ever lie inside the map, not on padding; None if open."""
        sliding, size = self.sliding, self.size
        if size is None or sliding.pads is None:
            return None
        outputs = output_size(size, sliding) or 0
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
        if sliding.stride == 1 or fits_padding(self.node):
            return 0
        span = self.size + sliding.padding - sliding.extent
        return span % sliding.stride if span >= 0 else 0

    @property
    def exact_sizes(self) -> tuple[int, int] | None:
        """The nearest sizes of the map that leave no remainder; None where that is not known."""
        made = None if self.size is None else output_size(self.size, self.sliding)
        if made is None:
            return None
        below, above = (input_size(count, self.sliding) for count in (made, made + 1))
        return None if below is None or above is None else (below, above)

    @property
    def unread(self) -> int:
        """The number of elements at the end that no window covers; 0 where that is not known."""
        if self.sliding.after is None or rounds_up(self.node):
            return 0
        return max(0, self.remainder - self.sliding.after)


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
