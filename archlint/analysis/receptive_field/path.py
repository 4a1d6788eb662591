"""The path that determines a receptive field: which nodes widen it, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from archlint.analysis.receptive_field.field import Field
from archlint.analysis.receptive_field.windows import Window
from archlint.graph.graph import Graph
from archlint.graph.node import Node


class Step(Struct, frozen=True):
    """One node on the path: its input, its output, and their fields."""

    node: Node
    source: str
    tensor: str
    before: Field
    after: Field

    @property
    def growth(self) -> int | None:
        """The number of input elements by which the node widened the field; None if not local."""
        if not (self.before.is_local and self.after.is_local):
            return None
        return self.after.size[1] - self.before.size[1]


class Kernel(Struct, frozen=True):
    """A convolution on the path: its window, and its jump, the input elements between neighbours.

    It adds (K - 1) d j to the field for a jump of j (Araujo et al. 2019, equation 2).
    """

    window: Window
    jump: int

    @property
    def widening(self) -> int:
        """The number of input elements by which increasing the dilation by one widens the field."""
        return (self.window.sliding.kernel - 1) * self.jump


def widest_path(graph: Graph, fields: Mapping[str, Field], tensor: str) -> tuple[Step, ...]:
    """Return the nodes from the input to `tensor`, along the widest field at every join."""
    steps: list[Step] = []
    while tensor in graph.producers and tensor in fields:
        node = graph.producers[tensor]
        sources = [name for name in node.inputs if name in fields]
        if not sources:
            break
        source = max(sources, key=lambda name: _width(fields[name]))
        steps.append(Step(node, source, tensor, fields[source], fields[tensor]))
        tensor = source
    return tuple(reversed(steps))


def kernels(path: Iterable[Step], windows: Iterable[Window]) -> Iterator[Kernel]:
    """Yield the kernels of convolutions on a path, where the field moves along a spatial axis."""
    by_place = {(each.node.name, each.axis): each for each in windows if each.is_weighted}
    for step in path:
        before, axis = step.before.reach, step.before.axis
        window = None if axis is None else by_place.get((step.node.name, axis))
        if before is None or window is None or window.sliding.kernel == 1:
            continue
        jump = abs(before.stride)
        if jump.denominator == 1 and jump:
            yield Kernel(window, int(jump))


def _width(field: Field) -> float:
    if field.unknown is not None:
        return float("inf")
    return float("inf") if field.whole else field.size[1]
