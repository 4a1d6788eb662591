"""Normalizations, which reset the scale of a signal and save small statistics."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from msgspec.structs import replace

from archlint.graph.dtype import DType
from archlint.ops.autocast import FIRST_OR_SINGLE, KEEPS_FIRST, CastingFacet, varies
from archlint.ops.call import Call, nbytes, width
from archlint.ops.effect import Over
from archlint.ops.facets import (
    OF_QUOTIENT,
    per_output,
    saves_inputs,
    sees_first_input,
)
from archlint.ops.links import InputLinks, Link, Through, Whole, same_axes, same_axes_but
from archlint.ops.operator import LinksFacet, Operator, SavedFacet
from archlint.ops.reach import Reach, window
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import normalizes
from archlint.ops.storage import CHANNELS_LAST
from archlint.ops.strides import channels_last, is_contiguous
from archlint.ops.taps import Taps

_COMPOSED = varies("PyTorch composes this normalization from other operators")
_FLOAT_BYTES = DType.FLOAT32.bits // 8


def saves_batch_statistics(call: Call, gradients: Gradients) -> SavedTensors:
    """Batch norm in training saves its input, and a mean and an inverse deviation a channel."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, gradients, 2 * call.shape(0)[1], (0, 1))


def saves_instance_statistics(call: Call, gradients: Gradients) -> SavedTensors:
    """Instance norm saves its input and two statistics for each sample and channel.

    A gain is repeated for each sample, and the result is saved. ONNX requires a gain, which is a
    constant of ones where the framework had none.
    """
    if not gradients.needed:
        return NOTHING
    has_gain = gradients[1]
    slots = (0, 1, 2) if has_gain else (0,)
    return _with_statistics(call, gradients, (2 + has_gain) * prod(call.shape(0)[:2]), slots)


def saves_group_statistics(call: Call, gradients: Gradients) -> SavedTensors:
    """Group norm saves its input and two statistics for each sample and group.

    An input that is not contiguous, such as some of the channels of a tensor, is copied. The number
    format of the statistics is the same on a GPU as on the CPU.
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


def saves_row_statistics(call: Call, gradients: Gradients) -> SavedTensors:
    """Layer norm saves its input and two statistics for each normalized row."""
    if not gradients.needed:
        return NOTHING
    return _with_statistics(call, gradients, 2 * _rows(call))


def saves_normalized(call: Call, gradients: Gradients) -> SavedTensors:
    """RMS norm saves the inverse root mean square of each row and the normalized tensor, in fp32.

    Where the input needs no gradient, the normalized tensor is all. Else it is saved as well, as a
    copy in fp32 where it is in half precision. On a GPU it is one kernel, which saves the input as
    it is, and no normalized tensor.
    """
    if not gradients.needed:
        return NOTHING
    statistics = _FLOAT_BYTES * _rows(call)
    if gradients.on_gpu:
        return SavedTensors(inputs=tuple(range(len(call.node.inputs))), own=statistics)
    normalized = _FLOAT_BYTES * call.elements(0)
    if not gradients[0]:
        return SavedTensors(own=normalized, transient=normalized)
    wide = 2 * normalized  # intermediate gradients, of the quotient and of the square
    if width(call.input(0)) // 8 < _FLOAT_BYTES:
        return SavedTensors(own=statistics + 2 * normalized, transient=wide)
    return SavedTensors(inputs=(0,), own=statistics + normalized, transient=wide)


def saves_local_response(call: Call, gradients: Gradients) -> SavedTensors:
    """Local response norm is composed in PyTorch: it saves squares, the base and the divisor.

    The gradient of the quotient is the first that is computed, from both of its terms.
    """
    shape, size = call.shape(0), call.integer("size", 1)
    whole = nbytes(call.input(0))
    if not gradients[0]:
        return SavedTensors(forward_transient=2 * whole)
    padded = whole // shape[1] * (shape[1] + size - 1)
    return SavedTensors(inputs=(0,), own=padded + 2 * whole, transient=OF_QUOTIENT * whole)


def _with_statistics(
    call: Call, gradients: Gradients, statistics: int, slots: tuple[int, ...] | None = None
) -> SavedTensors:
    """Save inputs and statistics: in fp32, or on the CPU in half precision if all inputs are.

    Constant ones and zeros that an exporter adds for a gain or a shift do not exist in PyTorch.
    """
    present = call.present(slots)
    widest = max(width(call.input(slot)) for slot in present) // 8
    saved = tuple(
        slot for slot in present if slot == 0 or gradients[slot] or call.constant(slot) is None
    )
    return SavedTensors(
        inputs=saved, own=statistics * (_FLOAT_BYTES if gradients.on_gpu else widest)
    )


def _rows(call: Call) -> int:
    """Return how many rows are normalized, each over the axes from `axis` on."""
    return prod(call.shape(0)[: call.integer("axis", -1) % call.rank(0)])


def sees_normalized_batch(call: Call, output: int) -> InputLinks:
    """Batch norm passes its input on; its running statistics read all of each channel."""
    if output == 0:
        return sees_first_input(call, output)
    links = (Whole(axis) if axis != 1 else Through(1, 0) for axis in range(call.rank(0)))
    return {0: tuple(links)}


def sees_normalized_axes(call: Call, _: int) -> InputLinks:
    """Layer and RMS norm read all of the axes from `axis` on."""
    rank = call.rank(0)
    return {0: _normalizing(rank, range(call.integer("axis", -1) % rank, rank))}


def sees_normalized_axis(call: Call, _: int) -> InputLinks:
    """Lp normalization reads all of one axis."""
    rank = call.rank(0)
    axis = call.integer("axis", -1) % rank
    return {0: _normalizing(rank, range(axis, axis + 1))}


def sees_groups(call: Call, _: int) -> InputLinks:
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
    """Yield the links of axes over which statistics are computed and then applied."""
    return (Whole(axis, own=axis) for axis in axes)


def sees_standardized(call: Call, _: int) -> InputLinks:
    """Mean-variance normalization reads all of the axes that it is given."""
    rank = call.rank(0)
    axes = {axis % rank for axis in call.integers("axes") or (0, 2, 3)}
    return {0: same_axes_but(rank, axes)}


def sees_planes(call: Call, _: int) -> InputLinks:
    """Instance norm reads all spatial positions of the channel."""
    rank = call.rank(0)
    return {0: (Through(0, 0), Through(1, 1), *_places(range(2, rank)))}


def sees_neighbouring_channels(call: Call, _: int) -> InputLinks:
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
            saves_batch_statistics,
            sees_normalized_batch,
            normalizes(Over.BATCH),
            weights=(1, 2),
            buffers=(3, 4),
            undifferentiated=(3, 4),
            storage=CHANNELS_LAST,
            casting=KEEPS_FIRST,
        ),
        _norm(
            "InstanceNormalization",
            saves_instance_statistics,
            sees_planes,
            Over.PLANE,
            KEEPS_FIRST,
        ),
        _norm(
            "GroupNormalization",
            saves_group_statistics,
            sees_groups,
            Over.FEATURES,
            FIRST_OR_SINGLE,
        ),
        Operator(
            "LayerNormalization",
            per_output(5),
            saves_row_statistics,
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
            saves_local_response,
            sees_neighbouring_channels,
            normalizes(Over.NEIGHBOURS, affine=False),
            casting=_COMPOSED,
        ),
        Operator(
            "MeanVarianceNormalization",
            per_output(5),
            saves_inputs,
            sees_standardized,
            normalizes(Over.FEATURES, affine=False),
            casting=_COMPOSED,
        ),
        Operator(
            "LpNormalization",
            per_output(3),
            saves_inputs,
            sees_normalized_axis,
            None,
            casting=_COMPOSED,
        ),
    )


def _norm(
    name: str, saved: SavedFacet, links: LinksFacet, over: Over, casting: CastingFacet
) -> Operator:
    return Operator(
        name, per_output(5), saved, links, normalizes(over), weights=(1, 2), casting=casting
    )


def _rms_norm(name: str) -> Operator:
    return Operator(
        name,
        per_output(4),
        saves_normalized,
        sees_normalized_axes,
        normalizes(Over.FEATURES, centred=False),
        weights=(1,),
        casting=FIRST_OR_SINGLE,
    )
