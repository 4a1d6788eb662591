"""Depth-to-space and space-to-depth."""

from __future__ import annotations

from archlint.graph.value import Dim, Shape
from archlint.ops.call import Call
from archlint.ops.facets import no_cost, saves_nothing
from archlint.ops.links import InputLinks, Regroup, Stage, Through
from archlint.ops.operator import Operator
from archlint.ops.signals import moves
from archlint.ops.storage import CHANNELS_LAST


def sees_depth_to_space(call: Call, _: int) -> InputLinks:
    """Blocks of channels become blocks of space (pixel shuffle): split, transpose, merge."""
    block = call.integer("blocksize", 1)
    batch, channels, height, width = call.input(0).shape or (None,) * 4
    depth = channels // block**2 if isinstance(channels, int) else None
    if call.text("mode", "DCR") == "DCR":
        split: Shape = (batch, block, block, depth, height, width)
        order = (0, 3, 4, 1, 5, 2)
    else:
        split = (batch, depth, block, block, height, width)
        order = (0, 1, 4, 2, 5, 3)
    cut = Regroup((1,), (_known(channels),), (1, 2, 3), tuple(_known(dim) for dim in split[1:4]))
    merged = (
        Through(0, 0),
        Through(1, 1),
        Regroup((2, 3), (_known(height), block), (2,), (None,)),
        Regroup((4, 5), (_known(width), block), (3,), (None,)),
    )
    return {
        0: (
            Stage((Through(0, 0), cut, Through(2, 4), Through(3, 5)), split),
            _transposing(order, split),
            Stage(merged, call.output().shape or ()),
        )
    }


def sees_space_to_depth(call: Call, _: int) -> InputLinks:
    """Blocks of space become channels: split, transpose, merge."""
    block = call.integer("blocksize", 1)
    batch, channels, height, width = call.input(0).shape or (None,) * 4
    rows, columns = _divided(height, block), _divided(width, block)
    split: Shape = (batch, channels, rows, block, columns, block)
    cut = (
        Through(0, 0),
        Through(1, 1),
        Regroup((2,), (_known(height),), (2, 3), (rows, block)),
        Regroup((3,), (_known(width),), (4, 5), (columns, block)),
    )
    merge = Regroup((1, 2, 3), (block, block, _known(channels)), (1,), (None,))
    return {
        0: (
            Stage(cut, split),
            _transposing((0, 3, 5, 1, 2, 4), split),
            Stage((Through(0, 0), merge, Through(4, 2), Through(5, 3)), call.output().shape or ()),
        )
    }


def _transposing(order: tuple[int, ...], shape: Shape) -> Stage:
    links = tuple(Through(source, target) for target, source in enumerate(order))
    return Stage(links, tuple(shape[source] for source in order))


def _known(dim: Dim) -> int | None:
    return dim if isinstance(dim, int) else None


def _divided(dim: Dim, block: int) -> int | None:
    return dim // block if isinstance(dim, int) else None


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    rearrangements = {"DepthToSpace": sees_depth_to_space, "SpaceToDepth": sees_space_to_depth}
    return tuple(
        Operator(name, no_cost, saves_nothing, links, moves, storage=CHANNELS_LAST)
        for name, links in rearrangements.items()
    )
