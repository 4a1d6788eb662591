"""Pooling of regions at positions that depend on data, and grids that define regions."""

from __future__ import annotations

from math import prod

from archlint.ops.call import Call
from archlint.ops.cost import Cost, Product
from archlint.ops.facets import per_output, saves_nothing
from archlint.ops.links import InputLinks, Opaque, Through, Whole
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors

_INDEX_BYTES = 4  # torchvision saves int32 places of the maxima


def sees_region(call: Call, _: int) -> InputLinks:
    """The position of a region depends on the data."""
    reason = "where a region lies depends on the data"
    spatial = tuple(Opaque(axis, reason) for axis in range(2, call.rank(0)))
    return {0: (Opaque(0, reason), Through(1, 1), *spatial)}


def aligned_cost(call: Call) -> Cost:
    """Count four neighbours for each sample of a bin; their number may depend on the region."""
    samples = max(call.integer("sampling_ratio", 0), 1) ** 2
    return Cost(elementwise=8 * samples * call.output_elements())


def saves_regions(_: Call, gradients: Gradients) -> SavedTensors:
    """Aligning regions saves the regions."""
    return SavedTensors(inputs=(1, 2)) if gradients.needed else NOTHING


def saves_region_maxima(call: Call, gradients: Gradients) -> SavedTensors:
    """Max pooling of regions saves the regions, and the index of each maximum."""
    if not gradients.needed:
        return NOTHING
    return SavedTensors(inputs=(1,), own=_INDEX_BYTES * call.output_elements())


def grid_cost(call: Call) -> Cost:
    """Count the product of every place (x, y, 1) with the matrix of its sample."""
    macs = call.output_elements() * call.shape(0)[-1]
    return Cost((Product(macs, (frozenset({0}), frozenset())),))


def sees_matrix(call: Call, _: int) -> InputLinks:
    """A grid reads all of its sample's matrix."""
    return {0: (Through(0, 0), *(Whole(axis) for axis in range(1, call.rank(0))))}


def decoding_cost(call: Call) -> Cost:
    """Count a cosine transform of blocks of 8 by 8, about ten operations a value."""
    return Cost(elementwise=10 * prod(call.output_shape()))


def sees_encoded(_: Call, __: int) -> InputLinks:
    """An image reads all of its encoded bytes."""
    return {0: (Whole(0),)}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator("RoiAlign", aligned_cost, saves_regions, sees_region),
        Operator("MaxRoiPool", per_output(4), saves_region_maxima, sees_region),
        Operator("AffineGrid", grid_cost, saves_nothing, sees_matrix),
        Operator("ImageDecoder", decoding_cost, saves_nothing, sees_encoded, differentiable=False),
    )
