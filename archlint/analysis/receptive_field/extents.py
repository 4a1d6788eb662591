"""The axes of an input that span space or time, unlike those of the batch and of features."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from archlint.analysis.receptive_field.walk import Walk
from archlint.graph.graph import Graph


class Extent(Struct, frozen=True):
    """An axis of an input that spans space or time, and its length where that is known."""

    input: str
    axis: int
    length: int | None


def extents_of(
    found: list[tuple[Extent, Walk]], graph: Graph, name: str
) -> Iterator[tuple[Extent, Walk]]:
    """Yield those walks from one input that run along space or time."""
    value = graph.values[name]
    is_numbers = value.dtype is None or value.dtype.is_float
    # A batch of 1 that a reshape dropped appears mixed where paths merge, without any effect.
    timed = any(extent.axis == 0 and extent.length != 1 and walk.mixes for extent, walk in found)
    for extent, walk in found:
        if (extent.axis == 0 and not timed) or (extent.axis == 1 and timed and not walk.mixes):
            continue
        summed = walk.summed_at
        apart = [
            other
            for each, other in found
            if each.axis not in (0, extent.axis)
            and each.length != 1
            and _stays(other, graph, summed)
        ]
        if is_numbers and summed is not None and apart:
            continue
        yield extent, walk


def _stays(walk: Walk, graph: Graph, node: str | None) -> bool:
    """Whether the output of `node` is still a map along the axis of `walk`."""
    maker = graph.by_name.get(node or "")
    return maker is not None and any(
        name in walk.fields and walk.fields[name].moves for name in maker.outputs
    )
