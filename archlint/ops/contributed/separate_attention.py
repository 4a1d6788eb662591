"""Fused attention that takes queries, keys and values as inputs, separate or packed."""

from __future__ import annotations

from archlint.graph.inference.contributed.stand_in import MICROSOFT
from archlint.ops.call import Call
from archlint.ops.contributed.attended import (
    Attended,
    attention_cost,
    filled,
    heads,
    saves_attended,
    shape_of,
)
from archlint.ops.contributed.attention_links import is_causal, sees_all, sees_packed_tokens
from archlint.ops.contributed.entry import inference_only
from archlint.ops.contributed.packed_tokens import pairs_within
from archlint.ops.effect import Attends, Effect
from archlint.ops.facets import depends_on_data
from archlint.ops.operator import Operator
from archlint.ops.undetermined import Undetermined


def multi_head(call: Call) -> Attended:
    """Return the sizes where every head has keys and values of its own."""
    count, query = heads(call), shape_of(call, 0, 3, 5)
    batch, length = query[:2]
    width = query[4] if len(query) == 5 else query[2] // count
    keys, value_width = length, width
    if call.has_input(1):
        key = shape_of(call, 1, 3, 4, 5)
        keys = key[2] if len(key) == 4 else key[1]
    if call.has_input(2):
        value = shape_of(call, 2, 3, 4)
        value_width = value[3] if len(value) == 4 else value[2] // count
    if call.has_input(6):
        keys += filled(call, 8) if call.has_input(8) else shape_of(call, 6, 4)[2]
    rows = batch * count * length
    return Attended(rows * keys, width, value_width, rows)


def grouped(call: Call) -> Attended:
    """Return the sizes where a group of heads shares keys and values."""
    count, shared = heads(call), heads(call, "kv_num_heads")
    batch, length, width = shape_of(call, 0, 3)
    head = width // count if call.has_input(1) else width // (count + 2 * shared)
    rows = batch * count * length
    return Attended(rows * _grouped_keys(call, length), head, head, rows)


def _grouped_keys(call: Call, length: int) -> int:
    """Return how many keys there are: the total length, or those of the cache and the new ones."""
    total = call.constant(6)
    if total is not None and total.size == 1:
        return int(total.reshape(-1)[0])
    if not call.has_input(3):
        return shape_of(call, 1, 3)[1] if call.has_input(1) else length
    held = shape_of(call, 3, 4)[2]
    if call.has_output(1) and call.output_shape(1)[2:3] == (held,) and held:
        raise Undetermined("how much of a shared cache is filled is not known")
    return held + length


def one_step(call: Call) -> Attended:
    """Return the sizes of one new position and the cache, or the keys of another sequence."""
    count, query = heads(call), shape_of(call, 0, 3)
    rows = query[0] * count
    width = query[2] // count
    if not call.has_input(1):
        width //= 3
    elif len(key := shape_of(call, 1, 3, 4)) == 4:
        return Attended(rows * key[2], width, width, rows)
    held = 0
    if call.has_input(5):
        shared = call.integer("past_present_share_buffer", 0)
        held = filled(call, 7) if shared else shape_of(call, 5, 4)[2]
    return Attended(rows * (held + 1), width, width, rows)


def packed_tokens(call: Call) -> Attended:
    """Return the sizes for packed sequences, without padding between them."""
    query, count = shape_of(call, 0, 2, 4), heads(call)
    width = query[3] if len(query) == 4 else query[1] // count
    value = shape_of(call, 2, 2)[1] // count if call.has_input(2) else width
    return Attended(count * pairs_within(call, 5), width, value, query[0] * count)


def attends(call: Call) -> Effect:
    """Values are averaged over the positions of the keys."""
    if not call.has_input(1) or not call.has_input(2):
        raise Undetermined("queries, keys and values in one tensor")
    length = (call.input(1).shape or ())[-2:-1]
    if not length or not isinstance(length[0], int):
        raise Undetermined("the length of the sequence is not bound")
    return Attends(0, 1, 2, length[0], is_causal(call))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "MultiHeadAttention",
            attention_cost(multi_head),
            saves_attended(multi_head),
            sees_all(6, (1, 2), (4, 5)),
            attends,
            weights=(3,),
            domain=MICROSOFT,
            cached=(1, 2),
        ),
        Operator(
            "GroupQueryAttention",
            attention_cost(grouped),
            saves_attended(grouped),
            sees_all(3, (1, 2), (10,)),
            attends,
            buffers=(7, 8),
            weights=(11, 14, 15),
            domain=MICROSOFT,
            cached=(1, 2),
        ),
        inference_only(
            "DecoderMaskedMultiHeadAttention",
            attention_cost(one_step),
            sees_all(5, (1, 2), (3, 4)),
            (10,),
        ),
        inference_only(
            "PackedMultiHeadAttention", attention_cost(packed_tokens), sees_packed_tokens, (3,)
        ),
        inference_only(
            "PagedAttention",
            depends_on_data("how many pages of the cache are filled depends on the data"),
            sees_packed_tokens,
        ),
        *(
            inference_only(name, depends_on_data(reason), sees_all(0, others), weights)
            for name, reason, others, weights in _BY_DATA
        ),
    )


_GLOBAL = "how many tokens attend to all others depends on the data"
_BLOCKS = "which blocks of the cache are attended to depends on the data"
# Why the work is not known, the slots of keys and values, and those of weights.
_BY_DATA = (
    ("LongformerAttention", _GLOBAL, (), (1, 2, 4, 5)),
    ("QOrderedLongformerAttention", _GLOBAL, (), (2, 4, 8, 10)),
    ("SparseAttention", _BLOCKS, (1, 2), ()),
    ("DynamicSparseAttention", _BLOCKS, (1, 2), ()),
)
