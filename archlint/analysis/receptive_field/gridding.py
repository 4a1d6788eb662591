"""Gridding: holes that successive dilated convolutions leave in their receptive field."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from math import gcd
from typing import TypeAlias

from msgspec import Struct

from archlint.analysis.receptive_field.field import Field, source_field
from archlint.analysis.receptive_field.path import widest_path
from archlint.analysis.receptive_field.readings import Readings
from archlint.analysis.receptive_field.walk import Walk
from archlint.analysis.receptive_field.windows import Window
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.sliding import Sliding

Windows: TypeAlias = Mapping[Node, Mapping[int, Sliding]]


class Grid(Struct, frozen=True):
    """A feature map that reads only some of the elements between the first and the last.

    `taps` of the `span` elements of `source`, the first map of the same stride, are read along
    `axis`. `layers` are those on the widest path that read neighbours, with their dilation `rates`
    and their `kernels`' sizes.
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
        """Rates with the same span and without holes, smallest first, with more layers if needed.

        A layer may skip at most what the layers before it span together.
        """
        wanted = _reach(self.rates, self.kernels)
        sizes = list(self.kernels)
        while _most(sizes) < wanted:
            sizes.append(sizes[-1])
        rates: list[int] = []
        for layer in range(len(sizes)):
            before = _reach(rates, sizes[:layer])
            left = sum(each - 1 for each in sizes[layer:])
            rates.append(max(1, min(before + 1, -(-(wanted - before) // left))))
        return tuple(sorted(rates))


def _reach(rates: Sequence[int], sizes: Sequence[int]) -> int:
    """Return how far layers reach beyond one element."""
    return sum(rate * (size - 1) for rate, size in zip(rates, sizes, strict=True))


def _most(sizes: Sequence[int]) -> int:
    """Return how far layers of kernels of these sizes can reach without holes."""
    span = 1
    for size in sizes:
        span *= size
    return span - 1


def grids(readings: Readings, walk: Walk, found: Sequence[Window]) -> Iterator[Grid]:
    """Yield the maps that successive dilated convolutions leave with holes.

    Holes are looked for between maps of one stride, as Wang et al. 2018 do: a hole of features
    is one although the features overlap on the input. A layer of dilation 1 among them fills it,
    and where the first map was upsampled, so does what stands in the hole beside what is read.
    """
    if all(each.sliding.dilation == 1 for each in found):
        return
    windows = _by_node(found)
    dilated = [
        node for node, axes in windows.items() if any(each.dilation > 1 for each in axes.values())
    ]
    if not dilated:
        return
    strides = {}
    for name, field in walk.fields.items():
        if field.is_local and field.reach is not None and not field.reach.finite and field.axis:
            strides[name] = (field.axis, field.reach.stride)
    regions = {strides[node.output] for node in dilated if node.output in strides}
    for region in regions:
        members = {name for name, place in strides.items() if place == region}
        copies = {name: _copies(readings.graph, walk.fields, name) for name in members}
        yield from _in_region(readings, region[0], copies, windows)


def _in_region(
    readings: Readings, axis: int, copies: Mapping[str, Fraction], windows: Windows
) -> Iterator[Grid]:
    graph, members = readings.graph, copies.keys()
    sources = [name for name in members if not _comes_from(graph, name, members)]
    fields = {name: source_field(graph.values[name].shape or (), axis) for name in sources}
    inner = Walk(fields)
    inner.follow(readings)
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
        layers = {
            step.node: windows[step.node][axis]
            for step in path
            if axis in windows.get(step.node, {})
        }
        taps, span = field.taps[1], field.size[1]
        if _widest_hole(field) < copies[path[0].source]:
            continue
        if sum(sliding.dilation > 1 for sliding in layers.values()) > 1:
            rates = tuple(sliding.dilation for sliding in layers.values())
            kernels = tuple(sliding.kernel for sliding in layers.values())
            yield Grid(name, path[0].source, axis, taps, span, tuple(layers), rates, kernels)


def _copies(graph: Graph, fields: Mapping[str, Field], name: str) -> Fraction:
    """Return the upsampling factor of a map: 1, or the number of copies of each position."""
    own, copies = _stride(fields.get(name)), Fraction(1)
    maker = graph.producers.get(name)
    for source in () if maker is None else maker.inputs:
        before = _stride(fields.get(source))
        if own and before:
            copies = max(copies, before / own)
    return copies


def _stride(field: Field | None) -> Fraction:
    if field is None or not field.is_local or field.reach is None:
        return Fraction(0)
    return abs(field.reach.stride)


def _widest_hole(field: Field) -> int:
    """Return the width of the widest hole in positions."""
    reach = field.reach
    masks = () if reach is None else (f"{taps.mask:b}" for taps in reach.offsets)
    return max((len(hole) for mask in masks for hole in mask.split("1")), default=0)


def _comes_from(graph: Graph, name: str, members: Collection[str]) -> bool:
    maker = graph.producers.get(name)
    return maker is not None and any(each in members for each in maker.inputs)


def _by_node(found: Sequence[Window]) -> Windows:
    """Return the window of each convolution and pooling along each axis where it is one."""
    windows: dict[Node, dict[int, Sliding]] = {}
    for each in found:
        if each.sliding.kernel > 1:
            windows.setdefault(each.node, {})[each.axis] = each.sliding
    return windows
