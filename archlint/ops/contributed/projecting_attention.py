"""Fused attention that also projects its input to queries, keys and values."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.contributed.attended import (
    STATISTIC_BYTES,
    Attended,
    Sizes,
    attention_cost,
    filled,
    heads,
    shape_of,
)
from archlint.ops.contributed.attention_links import sees_all, sees_packed_tokens, sees_steps_first
from archlint.ops.contributed.entry import inference_only, trainable
from archlint.ops.contributed.packed_tokens import pairs_within
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors


def packed_weights(past: int) -> Sizes:
    """Return the sizes of attention with one weight for all three, and a cache in `past`."""

    def sizes(call: Call) -> Attended:
        batch, length, _ = shape_of(call, 0, 3)
        columns = shape_of(call, 1, 2)[1]
        count = heads(call)
        given = call.integers("qkv_hidden_sizes")
        widths = given if given and len(given) == 3 else (columns // 3,) * 3
        held = 0
        if call.has_input(past):
            shared = call.integer("past_present_share_buffer", 0)
            held = filled(call, 6) if shared else shape_of(call, past, 5)[3]
        rows = batch * count * length
        projected = ((1, call.elements(0) * columns),)
        return Attended(
            rows * (length + held), widths[0] // count, widths[2] // count, rows, projected
        )

    return sizes


_sizes = packed_weights(4)


def saves_projected(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input, the projected tensor, the output and one number per row."""
    if not gradients.needed:
        return NOTHING
    batch, length, _ = call.shape(0)
    made = batch * length * call.shape(1)[1] + _sizes(call).rows
    return SavedTensors(inputs=(0,), outputs=(0,), own=STATISTIC_BYTES * made)


def packed_tokens(call: Call) -> Attended:
    """Return the sizes for packed sequences, without padding between them."""
    tokens, width = shape_of(call, 0, 2)
    columns, count = shape_of(call, 1, 2)[1], heads(call)
    widths = call.integers("qkv_hidden_sizes") or (columns // 3,) * 3
    return Attended(
        count * pairs_within(call, 4),
        widths[0] // count,
        widths[-1] // count,
        tokens * count,
        ((1, tokens * width * columns),),
    )


def ordered(call: Call) -> Attended:
    """Return the sizes of attention with three weights of int8, in slots 5 to 7."""
    batch, length, _ = shape_of(call, 0, 3)
    count = heads(call)
    widths = {slot: shape_of(call, slot, 2)[1] for slot in (5, 6, 7)}
    held = shape_of(call, 18, 5)[3] if call.has_input(18) else 0
    rows = batch * count * length
    return Attended(
        rows * (length + held),
        widths[5] // count,
        widths[7] // count,
        rows,
        tuple((slot, call.elements(0) * width) for slot, width in widths.items()),
    )


def decoder(call: Call) -> Attended:
    """Return the sizes of T queries, of (T, B, H), and S keys; some keys may be of a cache."""
    count, (length, batch, width) = heads(call), shape_of(call, 0, 3)
    static, cached = bool(call.known(8).any()), bool(call.known(9).any())
    projected = [(2, call.elements(0) * width)]
    if static and cached:
        keys = shape_of(call, 6, 4)[2]
    else:
        source = shape_of(call, 1 if static else 0, 3)
        keys = source[0] + (shape_of(call, 6, 4)[2] if cached else 0)
        projected.append((3, source[0] * batch * width * 2 * width))
    rows = batch * count * length
    return Attended(rows * keys, width // count, width // count, rows, tuple(projected))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    cost, links = attention_cost(_sizes), sees_all(4, (), (3, 5))
    return (
        trainable("Attention", cost, saves_projected, links, (1, 2)),
        inference_only("DecoderMaskedSelfAttention", cost, links, (1, 2)),
        inference_only(
            "QAttention", attention_cost(packed_weights(8)), sees_all(8, (), (5,)), (1, 2)
        ),
        inference_only(
            "PackedAttention", attention_cost(packed_tokens), sees_packed_tokens, (1, 2)
        ),
        inference_only(
            "QOrderedAttention",
            attention_cost(ordered),
            sees_all(18, (), (17, 19)),
            (5, 6, 7, 11, 12, 13),
        ),
        inference_only("DecoderAttention", attention_cost(decoder), sees_steps_first, (2, 3, 4)),
    )
