"""Contributed normalizations, fused with a residual, an embedding, a gate or an activation."""

from __future__ import annotations

from math import prod

from archlint.graph.dtype import DType
from archlint.graph.inference.contributed.stand_in import MICROSOFT
from archlint.ops.call import Call, nbytes
from archlint.ops.contributed.entry import inference_only, trainable
from archlint.ops.effect import Effect, Normalizes, Over
from archlint.ops.facets import per_output, sees_broadcast, sees_row
from archlint.ops.links import InputLinks, Link, Links, Through, Whole, same_axes
from archlint.ops.operator import Operator, SavedFacet, SignalFacet
from archlint.ops.reach import Reach
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import normalizes
from archlint.ops.standard.normalization import saves_normalized, sees_normalized_axes
from archlint.ops.taps import Taps

_STATISTIC_BYTES = DType.FLOAT32.bits // 8
_SUM = 3  # the output with the sum before the normalization


def saves_skipped(statistics: int) -> SavedFacet:
    """Return what a normalization of a sum saves: the sum, and some statistics of each row."""

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients.needed:
            return NOTHING
        rows = prod(call.shape(0)[:-1])
        own = statistics * _STATISTIC_BYTES * rows
        if call.has_output(_SUM):
            return SavedTensors(outputs=(_SUM,), own=own)
        return SavedTensors(own=own + nbytes(call.input(0)))

    return saved


def sees_skipped(call: Call, output: int) -> InputLinks:
    """Input and residual are added, then all features of a position are normalized."""
    rank = call.rank(0)
    by_slot: dict[int, Links] = {}
    for slot in (0, 1):
        links = sees_broadcast(call, slot, rank)
        if output != _SUM:
            links = (*links[:-1], Whole(call.rank(slot) - 1, features=True))
        by_slot[slot] = links
    return by_slot


def saves_embedded(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the token ids, the sum of their embeddings, and two statistics per token."""
    if not gradients.needed:
        return NOTHING
    words = call.present((0, 1, 8))
    own = 2 * _STATISTIC_BYTES * call.elements(0)
    if call.has_output(2):
        return SavedTensors(inputs=words, outputs=(2,), own=own)
    return SavedTensors(inputs=words, own=own + nbytes(call.output()))


def sees_embedded(call: Call, output: int) -> InputLinks:
    """Each position reads its own tokens; the lengths read the mask."""
    if output == 1:
        return {7: (Through(0, 0), Whole(1))} if call.has_input(7) else {}
    slots = (0, 1) if call.node.op.startswith("Q") else (0, 1, 8)
    return {
        slot: sees_broadcast(call, slot, 2) for slot in call.present(slots) if call.rank(slot) == 2
    }


def sees_groups(call: Call, output: int) -> InputLinks:
    """All positions of a group of channels are normalized together."""
    rank = call.rank(0)
    last = bool(call.integer("channels_last", 1))
    channel = rank - 1 if last else 1
    groups = call.integer("groups", 1)
    by_slot: dict[int, Links] = {}
    for slot in call.present((0, 3)):
        if output == 1 and call.rank(slot) == rank:
            by_slot[slot] = same_axes(rank)
            continue
        size = (call.input(slot).shape or ())[channel if call.rank(slot) == rank else -1]
        links: list[Link] = [Whole(axis) for axis in range(call.rank(slot))]
        links[0] = Through(0, 0)
        own = channel if call.rank(slot) == rank else call.rank(slot) - 1
        if isinstance(size, int) and groups > 1 and size % groups == 0:
            width = size // groups
            one = Taps.progression(0, width, 1)
            links[own] = Through(own, channel, Reach(width, (one,) * width))
        by_slot[slot] = tuple(links)
    return by_slot


def saves_grouped(call: Call, gradients: Gradients) -> SavedTensors:
    """Save what is normalized and two statistics of each group; with SiLU also its argument."""
    if not gradients.needed:
        return NOTHING
    own = 2 * _STATISTIC_BYTES * call.shape(0)[0] * call.integer("groups", 1)
    activated = nbytes(call.output()) if call.integer("activation", 0) else 0
    if call.node.op == "GroupNorm":
        return SavedTensors(inputs=(0,), own=own + activated)
    if call.has_output(1):
        return SavedTensors(outputs=(1,), own=own + activated)
    return SavedTensors(own=own + activated + nbytes(call.input(0)))


def saves_gated(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input, the gate, the normalized tensor and one statistic of each row."""
    if not gradients.needed:
        return NOTHING
    width = call.shape(1)[0]
    own = _STATISTIC_BYTES * (call.elements(0) // width if width else 0)
    return SavedTensors(inputs=(0, 2), own=own + nbytes(call.output()))


def sees_gated(call: Call, _: int) -> InputLinks:
    """Features are normalized in groups, and multiplied with a gate."""
    return {**sees_row(call, 0), 2: same_axes(call.rank(0))}


def sees_quantized(call: Call, output: int) -> InputLinks:
    """As layer normalization does."""
    return {0: sees_normalized_axes(call, output)[0]}


def skips(gain: int, shift: int | None) -> SignalFacet:
    """Return the effect of normalizing a sum, where the residual is left out."""

    def effect(call: Call) -> Effect:
        has_shift = shift is not None and call.has_input(shift)
        return Normalizes(Over.FEATURES, gain, shift if has_shift else None, shift is not None)

    return effect


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "SkipLayerNormalization",
            per_output(7),
            saves_skipped(2),
            sees_skipped,
            skips(2, 3),
            weights=(2, 3, 4),
            domain=MICROSOFT,
        ),
        Operator(
            "SkipSimplifiedLayerNormalization",
            per_output(6),
            saves_skipped(1),
            sees_skipped,
            skips(2, None),
            weights=(2, 3),
            domain=MICROSOFT,
        ),
        Operator(
            "SimplifiedLayerNormalization",
            per_output(4),
            saves_normalized,
            sees_normalized_axes,
            normalizes(Over.FEATURES, centred=False),
            weights=(1,),
            domain=MICROSOFT,
        ),
        trainable(
            "EmbedLayerNormalization",
            per_output(8),
            saves_embedded,
            sees_embedded,
            (2, 3, 4, 5, 6),
        ),
        inference_only("QEmbedLayerNormalization", per_output(13), sees_embedded, (2, 3, 4, 5, 6)),
        trainable("GroupNorm", per_output(9), saves_grouped, sees_groups, (1, 2, 4)),
        trainable("SkipGroupNorm", per_output(11), saves_grouped, sees_groups, (1, 2, 4)),
        trainable("GatedRMSNorm", per_output(9), saves_gated, sees_gated, (1,)),
        # The features of each branch are normalized on their own.
        trainable("BranchwiseRMSNorm", per_output(4), saves_normalized, sees_row, (1,)),
        inference_only("QOrderedLayerNormalization", per_output(7), sees_quantized, (2, 3)),
    )
