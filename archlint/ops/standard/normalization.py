"""Normalizations, which reset the scale of a signal and save small statistics."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archlint.graph.dtype import DType
from archlint.ops.autocast import FIRST_OR_SINGLE, KEEPS_FIRST, CastingFacet, varies
from archlint.ops.call import Call, nbytes, width
from archlint.ops.effect import Over
from archlint.ops.facets import (
    keeps_inputs,
    per_output,
    sees_first_input,
)
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.links import Link, Sight, Through, Whole, same_axes, same_axes_but
from archlint.ops.operator import KeptFacet, Layout, Operator, SightFacet
from archlint.ops.reach import Reach, window
from archlint.ops.signals import normalizes
from archlint.ops.strides import channels_last, is_contiguous
from archlint.ops.taps import Taps
from archlint.record import replace

_COMPOSED = varies("PyTorch composes this normalization from other operators")
_FLOAT_BYTES = DType.FLOAT32.bits // 8


def keeps_batch_statistics(call: Call, gradients: Gradients) -> Kept:
    """Batch norm in training keeps its input, and a mean and an inverse deviation a channel."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, gradients, 2 * call.shape(0)[1], (0, 1))


def keeps_instance_statistics(call: Call, gradients: Gradients) -> Kept:
    """Instance norm keeps its input and two statistics for each sample and channel.

    A gain is repeated for each sample, and kept so. A file has one in any case: of ones, which
    nothing trains, where the framework had none.
    """
    if not gradients.needed:
        return NOTHING
    has_gain = gradients[1]
    slots = (0, 1, 2) if has_gain else (0,)
    return _with_statistics(call, gradients, (2 + has_gain) * prod(call.shape(0)[:2]), slots)


def keeps_group_statistics(call: Call, gradients: Gradients) -> Kept:
    """Group norm keeps its input and two statistics for each sample and group.

    An input that does not lie in one piece, as a part of the channels, is copied. The format of the
    statistics is that of the CPU on a GPU too.
    """
    if not gradients.needed:
        return NOTHING
    statistics = 2 * call.shape(0)[0] * call.integer("num_groups", 1)
    kept = _with_statistics(call, replace(gradients, on_gpu=False), statistics)
    strides, shape = gradients.strides_of(0), call.shape(0)
    if strides is None or is_contiguous(shape, strides) or channels_last(shape, strides):
        return kept
    others = tuple(slot for slot in kept.inputs if slot)  # of the input, a copy in order
    return replace(kept, inputs=others, own=kept.own + nbytes(call.input(0)))


def keeps_row_statistics(call: Call, gradients: Gradients) -> Kept:
    """Layer norm keeps its input and two statistics for each normalized row."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, gradients, 2 * _rows(call))


def keeps_normalized(call: Call, gradients: Gradients) -> Kept:
    """RMS norm keeps the inverse root mean square of each row and the normalized tensor, in fp32.

    Its input is kept only where it needs a gradient, as a copy in fp32 where it is in half
    precision. On a GPU it is one kernel, which keeps the input as it is, and no normalized tensor.
    """
    if not gradients.needed:
        return NOTHING
    statistics = _FLOAT_BYTES * _rows(call)
    if gradients.on_gpu:
        return Kept(inputs=tuple(range(len(call.node.inputs))), own=statistics)
    normalized = _FLOAT_BYTES * call.elements(0)
    wide = 2 * normalized  # the gradients of the quotient and of the square, on their way
    if width(call.input(0)) // 8 < _FLOAT_BYTES:
        own = statistics + (2 if gradients[0] else 1) * normalized
        return Kept(own=own, transient=wide)
    own = statistics + normalized
    return Kept(inputs=(0,) if gradients[0] else (), own=own, transient=wide)


def keeps_local_response(call: Call, gradients: Gradients) -> Kept:
    """Local response norm is composed in PyTorch: it keeps squares, the base and the divisor."""
    if not gradients[0]:
        return NOTHING
    shape, size = call.shape(0), call.integer("size", 1)
    padded = prod(shape) // shape[1] * (shape[1] + size - 1)
    return Kept(inputs=(0,), own=(padded + 2 * prod(shape)) * width(call.input(0)) // 8)


def _with_statistics(
    call: Call, gradients: Gradients, statistics: int, slots: tuple[int, ...] | None = None
) -> Kept:
    """Keep inputs and numbers in fp32, or in half precision where the CPU sees nothing else.

    Ones and zeros that an exporter puts in for a gain or a shift are not there in the framework.
    """
    present = call.present(slots)
    widest = max(width(call.input(slot)) for slot in present) // 8
    kept = tuple(slot for slot in present if slot == 0 or call.constant(slot) is None)
    return Kept(inputs=kept, own=statistics * (_FLOAT_BYTES if gradients.on_gpu else widest))


def _rows(call: Call) -> int:
    """Return how many rows are normalized, each over the axes from `axis` on."""
    return prod(call.shape(0)[: call.integer("axis", -1) % call.rank(0)])


def sees_normalized_batch(call: Call, output: int) -> Sight:
    """Batch norm passes its input on; its running statistics read all of each channel."""
    if output == 0:
        return sees_first_input(call, output)
    links = (Whole(axis) if axis != 1 else Through(1, 0) for axis in range(call.rank(0)))
    return {0: tuple(links)}


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
    return {0: (Through(0, 0), own, *_places(range(2, rank)))}


def _places(axes: range) -> Iterator[Link]:
    """Yield the links of axes of which statistics read all places, and scale each of them."""
    return (Whole(axis, own=axis) for axis in axes)


def sees_standardized(call: Call, _: int) -> Sight:
    """Mean-variance normalization reads all of the axes that it is given."""
    rank = call.rank(0)
    axes = {axis % rank for axis in call.integers("axes") or (0, 2, 3)}
    return {0: same_axes_but(rank, axes)}


def sees_planes(call: Call, _: int) -> Sight:
    """Instance norm reads all spatial positions of the channel."""
    rank = call.rank(0)
    return {0: (Through(0, 0), Through(1, 1), *_places(range(2, rank)))}


def sees_neighbouring_channels(call: Call, _: int) -> Sight:
    """Local response norm reads `size` neighbouring channels."""
    size = call.integer("size", 1)
    links: list[Link] = list(same_axes(call.rank(0)))
    links[1] = Through(1, 1, window(size, padding=(size - 1) // 2))
    return {0: tuple(links)}


def _normalizing(rank: int, normalized: range) -> tuple[Link, ...]:
    # One axis alone is that of the features, as in a transformer.
    if len(normalized) == 1 and rank > 2:
        return same_axes_but(rank, normalized, features=True)
    return (*(Through(axis, axis) for axis in range(normalized.start)), *_places(normalized))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "BatchNormalization",
            per_output(2),
            keeps_batch_statistics,
            sees_normalized_batch,
            normalizes(Over.BATCH),
            weights=(1, 2),
            buffers=(3, 4),
            layout=Layout.CHANNELS,
            casting=KEEPS_FIRST,
        ),
        _norm(
            "InstanceNormalization",
            keeps_instance_statistics,
            sees_planes,
            Over.PLANE,
            KEEPS_FIRST,
        ),
        _norm(
            "GroupNormalization",
            keeps_group_statistics,
            sees_groups,
            Over.FEATURES,
            FIRST_OR_SINGLE,
        ),
        Operator(
            "LayerNormalization",
            per_output(5),
            keeps_row_statistics,
            sees_normalized_axes,
            normalizes(Over.FEATURES),
            weights=(1, 2),
            casting=FIRST_OR_SINGLE,
        ),
        _rms_norm("RMSNormalization"),
        _rms_norm("SimplifiedLayerNormalization"),
        Operator(
            "LRN",
            per_output(6),
            keeps_local_response,
            sees_neighbouring_channels,
            normalizes(Over.NEIGHBOURS, affine=False),
            casting=_COMPOSED,
        ),
        Operator(
            "MeanVarianceNormalization",
            per_output(5),
            keeps_inputs,
            sees_standardized,
            normalizes(Over.FEATURES, affine=False),
            casting=_COMPOSED,
        ),
        Operator(
            "LpNormalization",
            per_output(3),
            keeps_inputs,
            sees_normalized_axis,
            None,
            casting=_COMPOSED,
        ),
    )


def _norm(
    name: str, kept: KeptFacet, sight: SightFacet, over: Over, casting: CastingFacet
) -> Operator:
    return Operator(
        name, per_output(5), kept, sight, normalizes(over), weights=(1, 2), casting=casting
    )


def _rms_norm(name: str) -> Operator:
    return Operator(
        name,
        per_output(4),
        keeps_normalized,
        sees_normalized_axes,
        normalizes(Over.FEATURES, centred=False),
        weights=(1,),
        casting=FIRST_OR_SINGLE,
    )
