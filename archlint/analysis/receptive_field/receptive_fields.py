"""Receptive fields of every tensor, for every axis of every input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.receptive_field.extents import Extent, extents_of
from archlint.analysis.receptive_field.field import Field, source_field
from archlint.analysis.receptive_field.gridding import Grid, grids
from archlint.analysis.receptive_field.joins import Join, join_of, meet_apart
from archlint.analysis.receptive_field.last_maps import LastMaps
from archlint.analysis.receptive_field.look_ahead import leak, look_ahead
from archlint.analysis.receptive_field.mirror import Mirror
from archlint.analysis.receptive_field.node_looks import NodeLooks
from archlint.analysis.receptive_field.overlap import Overlap, uneven_overlaps
from archlint.analysis.receptive_field.path import Kernel, Step, kernels, widest_path
from archlint.analysis.receptive_field.readings import Readings, readings_of
from archlint.analysis.receptive_field.smallest import smallest_sizes
from archlint.analysis.receptive_field.stored_masks import stored_masks
from archlint.analysis.receptive_field.walk import Path, Walk
from archlint.analysis.receptive_field.windows import Window, windows
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.registry import Operators

if TYPE_CHECKING:
    from archlint.sources.tensor_numbers import Describe

_INDEPENDENT = Field()


class ReceptiveFields(Struct, frozen=True, dict=True):
    """The fields of a graph, propagated forward from each input axis.

    Feature axes (channels, embeddings) are not extents and are excluded: they are the axes that a
    product with a weight sums over before any other operator reads several positions. So is the
    batch axis: an axis 0 of which no operator reads two positions, or axis 1 where axis 0 is time.
    """

    graph: Graph
    operators: Operators

    @cached_property
    def extents(self) -> tuple[Extent, ...]:
        """The axes of the inputs that span space or time."""
        return tuple(self._walks)

    def of(self, tensor: str, extent: Extent) -> Field:
        """Return what `tensor` reads along `extent`; a field without branches is independent."""
        return self._walks[extent].fields.get(tensor, _INDEPENDENT)

    def depends(self, tensor: str, extent: Extent) -> bool:
        """Whether `tensor` depends on the input along `extent`."""
        return tensor in self._walks[extent].fields

    @cached_property
    def data(self) -> frozenset[str]:
        """The tensors that depend on the contents of an input, not only on its shape."""
        return self._readings.data

    def path(self, tensor: str, extent: Extent) -> tuple[Step, ...]:
        """Return the nodes that determine the field of `tensor`, from the input on."""
        return widest_path(self.graph, self._walks[extent].fields, tensor)

    def kernels(self, tensor: str, extent: Extent) -> Iterator[Kernel]:
        """Yield the kernels of the convolutions that determine the field of `tensor`."""
        return kernels(self.path(tensor, extent), self.windows)

    def narrowest(self, extent: Extent) -> dict[str, int]:
        """The size of the field along the narrowest path to each feature map."""
        return smallest_sizes(self._after[extent.input], self._walks[extent].fields)

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The sliding windows of convolutions and poolings, along each of their axes."""
        return tuple(windows(self.graph))

    @cached_property
    def uneven_overlaps(self) -> tuple[Overlap, ...]:
        """The transposed convolutions whose outputs sum different numbers of products."""
        return tuple(uneven_overlaps(self.graph, self.windows))

    def grids(self, extent: Extent) -> Iterator[Grid]:
        """Yield the maps that successive dilations leave with holes."""
        return grids(self._readings, self._walks[extent], self.windows)

    def look_ahead(self, tensor: str, extent: Extent) -> float | None:
        """Return how many input elements `tensor` looks ahead along `extent`, if that is known."""
        return look_ahead(self.of(tensor, extent))

    def with_stored_masks(self, describe: Describe) -> ReceptiveFields:
        """Return the fields with the contents of stored causal masks known.

        `describe` reads statistics of a stored tensor.
        """
        masks = stored_masks(self.graph, describe)
        if not masks:
            return self
        constants = {**self.graph.constants, **masks}
        return ReceptiveFields(replace(self.graph, constants=constants), self.operators)

    def leak(self, tensor: str, extent: Extent, allowed: int) -> Node | None:
        """Return the first node before `tensor` that looks further ahead than `allowed`."""
        return leak(self.graph, self._walks[extent].fields, tensor, allowed)

    @cached_property
    def maps(self) -> tuple[str, ...]:
        """The last feature maps before all positions are read at once, and the graph outputs."""
        last = {
            name
            for walk in self._walks.values()
            for name in LastMaps(self.graph, self._looks, walk.fields).of(self.graph.outputs)
        }
        names = [name for node in self.graph.nodes for name in node.outputs if name in last]
        return tuple(dict.fromkeys([*names, *self.graph.outputs]))

    @cached_property
    def joins(self) -> tuple[Join, ...]:
        """Every operator that merges paths with local fields."""
        return tuple(self._joins(lambda _: True))

    @cached_property
    def misaligned(self) -> tuple[Join, ...]:
        """The joins of paths with different centres, unless that is intended."""
        found = self._joins(meet_apart)
        return tuple(join for join in found if not join.intended and join.aligned is False)

    def _joins(self, chosen: Callable[[Sequence[Path]], bool]) -> Iterator[Join]:
        for extent, walk in self._walks.items():
            source = extent.input, extent.axis
            for output, paths in walk.paths.items():
                if output in self.graph.producers and chosen(paths):
                    join = join_of(self.graph, self.operators, walk, output, source)
                    if join is not None:
                        yield join

    @cached_property
    def _looks(self) -> NodeLooks:
        return NodeLooks(self.operators)

    @cached_property
    def _walks(self) -> dict[Extent, Walk]:
        walks: dict[Extent, Walk] = {}
        for name in self.graph.inputs:
            walks.update(extents_of(self._walks_from(name), self.graph, name))
        return walks

    @cached_property
    def _readings(self) -> Readings:
        return readings_of(self.graph, self._looks, self.graph.inputs)

    @cached_property
    def _after(self) -> dict[str, Readings]:
        """The readings that depend on each input."""
        return {name: self._readings.after(name) for name in self.graph.inputs}

    def _walks_from(self, name: str) -> list[tuple[Extent, Walk]]:
        """Return the walks from the axes of one input that are not feature axes."""
        shape, readings = self.graph.values[name].shape or (), self._after[name]
        found: list[tuple[Extent, Walk]] = []
        for axis, size in enumerate(shape):
            if found and found[-1][0].length == size:
                before, known = found[-1]
                walk = Mirror(known, before.axis, axis).follow(name, readings)
            else:
                walk = Walk({name: source_field(shape, axis)})
                walk.follow(readings)
            if not walk.is_features:
                found.append((Extent(name, axis, size if isinstance(size, int) else None), walk))
        return found
