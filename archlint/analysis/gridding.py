"""Gridding: holes that successive dilations leave in what a feature map reads of another one."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from archlint.analysis.field import source_field
from archlint.analysis.field_path import widest_path
from archlint.analysis.walk import Walk
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.sliding import sliding_windows
from archlint.ops.undetermined import Undetermined
from archlint.record import record


@record
class Grid:
    """A feature map that reads only some of the elements between the first and the last one.

    `taps` of the `span` elements of `source` are read along `axis`: the last map of the same
    stride before the dilated layers. `rates` are the dilations along the widest path, and
    `kernels` their kernel sizes.
    """

    tensor: str
    source: str
    axis: int
    taps: int
    span: int
    layers: tuple[Node, ...]
    rates: tuple[int, ...]
    kernels: tuple[int, ...]

    @property
    def common_factor(self) -> int:
        """The greatest common divisor of the rates; one above 1 leaves a grid of that width."""
        return gcd(*self.rates)

    @property
    def reachable(self) -> tuple[int, ...]:
        """Rates of the same total that leave no hole, smallest first.

        A layer may skip at most what the layers before it span together.
        """
        wanted = sum(rate * (size - 1) for rate, size in zip(self.rates, self.kernels, strict=True))
        rates = [1] * len(self.rates)
        for layer in range(len(rates) - 1, 0, -1):
            others = sum(
                rate * (size - 1)
                for index, (rate, size) in enumerate(zip(rates, self.kernels, strict=True))
                if index != layer
            )
            missing = -(-(wanted - others) // (self.kernels[layer] - 1))
            most = _spans(self.kernels[:layer])
            rates[layer] = max(1, min(missing, most))
        return tuple(sorted(rates))


def grids(graph: Graph, walk: Walk) -> Iterator[Grid]:
    """Yield the maps that successive dilated convolutions leave with holes.

    Holes are looked for between maps of one stride, as Wang et al. 2018 do: a hole of features
    is one although the features overlap on the input. A layer of dilation 1 among them fills it.
    """
    dilated = _dilated(graph)
    if not dilated:
        return
    strides = {}
    for name, field in walk.fields.items():
        if field.is_local and field.reach is not None and not field.reach.finite and field.axis:
            strides[name] = (field.axis, field.reach.stride)
    regions = {strides[node.output] for node in dilated if node.output in strides}
    for region in regions:
        members = {name for name, place in strides.items() if place == region}
        yield from _in_region(graph, walk, region[0], members, dilated)


def _in_region(
    graph: Graph, walk: Walk, axis: int, members: set[str], dilated: dict[Node, dict[int, int]]
) -> Iterator[Grid]:
    sources = [name for name in members if not _comes_from(graph, name, members)]
    fields = {name: source_field(graph.values[name].shape or (), axis) for name in sources}
    inner = Walk(walk.sights, fields, walk.data)
    inner.follow(graph)
    for name in members - set(sources):
        ends = all(
            output not in members
            for user in graph.consumers.get(name, [])
            for output in user.outputs
        )
        field = inner.fields.get(name)
        if not ends or field is None or not field.is_local or field.taps is None:
            continue
        path = widest_path(graph, inner.fields, name)
        layers = tuple(step.node for step in path if axis in dilated.get(step.node, {}))
        taps, span = field.taps[1], field.size[1]
        if len(layers) > 1 and taps < span:
            slidings = [sliding_windows(Call(node, graph))[axis - 2] for node in layers]
            rates = tuple(sliding.dilation for sliding in slidings)
            kernels = tuple(sliding.kernel for sliding in slidings)
            yield Grid(name, path[0].source, axis, taps, span, layers, rates, kernels)


def _comes_from(graph: Graph, name: str, members: set[str]) -> bool:
    maker = graph.producers.get(name)
    return maker is not None and any(each in members for each in maker.inputs)


def _dilated(graph: Graph) -> dict[Node, dict[int, int]]:
    """Return the rate of each dilated axis of each convolution that has one."""
    found = {}
    for node in graph.nodes:
        try:
            slidings = sliding_windows(Call(node, graph))
        except Undetermined:
            continue
        rates = {
            axis: sliding.dilation
            for axis, sliding in enumerate(slidings, start=2)
            if sliding.dilation > 1 and sliding.kernel > 1
        }
        if rates:
            found[node] = rates
    return found


def _spans(kernels: tuple[int, ...]) -> int:
    """Return how many elements layers of these kernels can span without holes."""
    span = 1
    for size in kernels:
        span += (size - 1) * span
    return span
