"""Sliding windows of a model, one for each node and spatial axis, for the rules on geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlint.api import Call, Undetermined, sliding_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archlint.api import Graph, Node, Sliding


@dataclass(frozen=True, slots=True)
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
    for node in graph.nodes:
        call = Call(node, graph)
        try:
            slidings = sliding_windows(call)
        except Undetermined:
            continue
        if not slidings or not call.has_input(0):
            continue
        before, after = call.input(0).shape, call.output().shape
        for axis, sliding in enumerate(slidings, start=2):
            yield Window(node, axis, sliding, _size(before, axis), _size(after, axis))


def by_node(found: Iterable[Window]) -> list[list[Window]]:
    """Return windows grouped by their node, in order."""
    groups: dict[str, list[Window]] = {}
    for window in found:
        groups.setdefault(window.node.name, []).append(window)
    return list(groups.values())


def axes_of(found: Iterable[Window]) -> str:
    """Return the axes of windows as words: `axis 2` or `axes 2 and 3`."""
    axes = [str(window.axis) for window in found]
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(axes[:-1])} and {axes[-1]}"


def _size(shape: object, axis: int) -> int | None:
    if not isinstance(shape, tuple) or axis >= len(shape):
        return None
    size = shape[axis]
    return size if isinstance(size, int) else None
