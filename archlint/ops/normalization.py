"""Normalizations: they fix the scale of a signal and keep small statistics."""

from __future__ import annotations

from math import prod

from archlint.graph.dtype import DType
from archlint.ops.call import Call, width
from archlint.ops.effect import Over
from archlint.ops.facets import (
    keeps_input_and_weights,
    per_output,
    sees_first_input,
)
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.links import Link, Sight, Through, Whole, same_axes
from archlint.ops.operator import KeptFacet, Layout, Operator, SightFacet
from archlint.ops.reach import Reach, window
from archlint.ops.signals import normalizes
from archlint.ops.taps import Taps

_STATISTIC_BYTES = DType.FLOAT32.bits // 8  # statistics are fp32 whatever the precision


def keeps_batch_statistics(call: Call, gradients: Gradients) -> Kept:
    """Batch norm in training keeps its input, and a mean and an inverse deviation a channel."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, 2 * call.shape(0)[1])


def keeps_instance_statistics(call: Call, gradients: Gradients) -> Kept:
    """Instance norm keeps its input and three statistics for each sample and channel."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, 3 * prod(call.shape(0)[:2]))


def keeps_group_statistics(call: Call, gradients: Gradients) -> Kept:
    """Group norm keeps its input and two statistics for each sample and group."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, 2 * call.shape(0)[0] * call.integer("num_groups", 1))


def keeps_row_statistics(call: Call, gradients: Gradients) -> Kept:
    """Layer norm keeps its input and two statistics for each normalized row."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, 2 * _rows(call))


def keeps_normalized(call: Call, gradients: Gradients) -> Kept:
    """RMS norm keeps the inverse root mean square of each row and the normalized tensor.

    Its input is kept only where it needs a gradient.
    """
    if not gradients.needed:
        return NOTHING
    own = _STATISTIC_BYTES * _rows(call) + call.elements(0) * width(call.input(0)) // 8
    return Kept(inputs=(0,) if gradients[0] else (), own=own)


def keeps_local_response(call: Call, gradients: Gradients) -> Kept:
    """Local response norm is composed in PyTorch: it keeps squares, the base and the divisor."""
    if not gradients[0]:
        return NOTHING
    shape, size = call.shape(0), call.integer("size", 1)
    padded = prod(shape) // shape[1] * (shape[1] + size - 1)
    return Kept(inputs=(0,), own=(padded + 2 * prod(shape)) * width(call.input(0)) // 8)


def _with_statistics(call: Call, statistics: int) -> Kept:
    slots = tuple(range(len(call.node.inputs)))
    return Kept(inputs=slots, own=_STATISTIC_BYTES * statistics)


def _rows(call: Call) -> int:
    """Return how many rows are normalized, each over the axes from `axis` on."""
    return prod(call.shape(0)[: call.integer("axis", -1) % call.rank(0)])


def sees_normalized_axes(call: Call, _: int) -> Sight:
    """Layer and RMS norm read all of the axes from `axis` on."""
    rank = call.rank(0)
    return {0: _normalizing(rank, range(call.integer("axis", -1) % rank, rank))}


def sees_normalized_axis(call: Call, _: int) -> Sight:
    """Lp normalization reads all of one axis."""
    rank = call.rank(0)
    axis = call.integer("axis", -1) % rank
    return {0: _normalizing(rank, range(axis, axis + 1))}


def sees_groups(call: Call, _: int) -> Sight:
    """Group norm reads all spatial positions of a group of channels."""
    rank = call.rank(0)
    groups = call.integer("num_groups", 1)
    channels = (call.input(0).shape or (None, None))[1]
    own: Link = Whole(1)
    if isinstance(channels, int) and groups > 1:
        width = channels // groups
        own = Through(1, 1, Reach(width, (Taps.progression(0, width, 1),) * width))
    return {0: (Through(0, 0), own, *(Whole(axis) for axis in range(2, rank)))}


def sees_standardized(call: Call, _: int) -> Sight:
    """Mean-variance normalization reads all of the axes that it is given."""
    rank = call.rank(0)
    axes = {axis % rank for axis in call.integers("axes") or (0, 2, 3)}
    return {0: tuple(Whole(axis) if axis in axes else Through(axis, axis) for axis in range(rank))}


def sees_planes(call: Call, _: int) -> Sight:
    """Instance norm reads all spatial positions of the channel."""
    spatial = range(2, call.rank(0))
    return {
        0: tuple(
            Whole(axis) if axis in spatial else Through(axis, axis) for axis in range(call.rank(0))
        )
    }


def sees_neighbouring_channels(call: Call, _: int) -> Sight:
    """Local response norm reads `size` neighbouring channels."""
    size = call.integer("size", 1)
    links: list[Link] = list(same_axes(call.rank(0)))
    links[1] = Through(1, 1, window(size, padding=(size - 1) // 2))
    return {0: tuple(links)}


def _normalizing(rank: int, normalized: range) -> tuple[Link, ...]:
    # One axis alone is that of the features, as in a transformer.
    features = len(normalized) == 1 and rank > 2
    return tuple(
        Whole(axis, features=features) if axis in normalized else Through(axis, axis)
        for axis in range(rank)
    )


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "BatchNormalization",
            per_output(2),
            keeps_batch_statistics,
            sees_first_input,
            normalizes(Over.BATCH),
            weights=(1, 2),
            buffers=(3, 4),
            layout=Layout.CHANNELS,
        ),
        _norm("InstanceNormalization", keeps_instance_statistics, sees_planes, Over.PLANE),
        _norm("GroupNormalization", keeps_group_statistics, sees_groups, Over.FEATURES),
        Operator(
            "LayerNormalization",
            per_output(5),
            keeps_row_statistics,
            sees_normalized_axes,
            normalizes(Over.FEATURES),
            weights=(1, 2),
        ),
        _rms_norm("RMSNormalization"),
        _rms_norm("SimplifiedLayerNormalization"),
        Operator(
            "LRN",
            per_output(6),
            keeps_local_response,
            sees_neighbouring_channels,
            normalizes(Over.NEIGHBOURS, affine=False),
        ),
        Operator(
            "MeanVarianceNormalization",
            per_output(5),
            keeps_input_and_weights,
            sees_standardized,
            normalizes(Over.FEATURES, affine=False),
        ),
        Operator(
            "LpNormalization",
            per_output(3),
            keeps_input_and_weights,
            sees_normalized_axis,
            None,
        ),
    )


def _norm(name: str, kept: KeptFacet, sight: SightFacet, over: Over) -> Operator:
    return Operator(name, per_output(5), kept, sight, normalizes(over), weights=(1, 2))


def _rms_norm(name: str) -> Operator:
    return Operator(
        name,
        per_output(4),
        keeps_normalized,
        sees_normalized_axes,
        normalizes(Over.FEATURES, centred=False),
        weights=(1,),
    )
