"""Fused attention operators."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.ops.autocast import IN_HALF
from archlint.ops.call import Call
from archlint.ops.cost import Cost, Product
from archlint.ops.effect import Attends, Effect
from archlint.ops.facets import no_cost, saves_nothing, sees_first_input
from archlint.ops.links import InputLinks, Link, Links, Through, Whole, same_axes
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import passes
from archlint.ops.storage import Storage
from archlint.ops.strides import Strides, contiguous, steps_first
from archlint.ops.undetermined import Undetermined

_QUERY, _KEY, _VALUE = frozenset({0}), frozenset({1}), frozenset({2})
_STATISTIC_BYTES = DType.FLOAT32.bits // 8


class Heads(Struct, frozen=True):
    """The sizes of one attention: batch, heads, lengths and head widths."""

    batch: int
    count: int
    queries: int
    keys: int
    width: int
    value_width: int


def heads(call: Call) -> Heads:
    """Return the sizes of an attention whose operands are (B, T, H d) or (B, H, T, d)."""
    query, key, value = call.shape(0), call.shape(1), call.shape(2)
    past = call.shape(4)[2] if call.has_input(4) and call.node.domain == "" else 0
    if len(query) == 4:
        return Heads(query[0], query[1], query[2], key[2] + past, query[3], value[3])
    count = call.integer("q_num_heads", 0) or call.integer("num_heads", 0)
    kv_count = call.integer("kv_num_heads", 0) or count
    if not count or not kv_count or len(query) != 3 or len(key) != 3:
        raise Undetermined("the number of heads is not known")
    return Heads(query[0], count, query[1], key[1] + past, query[2] // count, value[2] // kv_count)


def attention_cost(call: Call) -> Cost:
    """Count the scores B H T S d and the weighted values B H T S d_v."""
    sizes = heads(call)
    pairs = sizes.batch * sizes.count * sizes.queries * sizes.keys
    return Cost(
        (
            Product(pairs * sizes.width, (_QUERY, _KEY)),
            Product(pairs * sizes.value_width, (_QUERY | _KEY, _VALUE)),
        ),
        elementwise=6 * pairs,
    )


def saves_attention(call: Call, gradients: Gradients) -> SavedTensors:
    """A fused kernel saves queries, keys, values, the output and one number per row."""
    if not gradients.needed:
        return NOTHING
    sizes = heads(call)
    rows = sizes.batch * sizes.count * sizes.queries
    return SavedTensors(inputs=(0, 1, 2), outputs=(0,), own=_STATISTIC_BYTES * rows)


def lies_as_queries(call: Call, strides: Sequence[Strides | None]) -> Strides:
    """Return the strides of the result: steps first where the queries are."""
    shape = call.output_shape()
    is_turned = len(shape) == 3 and strides[0] == steps_first(call.shape(0))
    return steps_first(shape) if is_turned else contiguous(shape)


def sees_attention(call: Call, _: int) -> InputLinks:
    """Queries pass through; keys and values are read at all positions, or at those before."""
    axis = 2 if call.rank(0) == 4 else 1
    causal = axis if call.integer("is_causal", 0) or call.integer("unidirectional", 0) else None
    last = call.rank(0) - 1
    lead = same_axes(axis)
    feature = Whole(last, features=True)
    # With grouped queries several query heads share a key head, so that the head axis is not
    # carried over one to one; nothing that is tracked runs along it.
    others = (*lead, Whole(axis, causal=causal), feature)
    by_slot: dict[int, Links] = {0: (*lead, Through(axis, axis), feature), 1: others, 2: others}
    if call.node.domain == "":
        for slot in (4, 5):  # keys and values of earlier calls: (B, H, T, d)
            if call.has_input(slot):
                heads_axis = Through(1, 1) if axis == 2 else Whole(1)
                by_slot[slot] = (Through(0, 0), heads_axis, Whole(2), Whole(3, features=True))
        if call.has_input(3):
            by_slot[3] = _sees_mask(call, axis)
        if call.has_input(6):
            by_slot[6] = (Through(0, 0),)  # how many keys of each sample are no padding
    return by_slot


def _sees_mask(call: Call, axis: int) -> tuple[Link, ...]:
    """Each row of a mask (..., T, S), which broadcasts, belongs to a query."""
    rank = call.rank(3)
    rows: tuple[Link, ...] = (Through(rank - 2, axis), Whole(rank - 1)) if rank > 1 else (Whole(0),)
    if rank == 4:
        return (Through(0, 0), Through(1, 1) if axis == 2 else Whole(1), *rows)
    return (*(Whole(each) for each in range(rank - 2)), *rows)


def attends(call: Call) -> Effect:
    """Values are averaged over the positions of the keys."""
    length = (call.input(1).shape or ())[call.rank(1) - 2]
    if not isinstance(length, int):
        raise Undetermined("the length of the sequence is not bound")
    causal = call.integer("is_causal", 0) or call.integer("unidirectional", 0)
    return Attends(0, 1, 2, length, bool(causal))


def flexible_cost(call: Call) -> Cost:
    """Count as attention, and every step of the graphs that change scores once a pair."""
    plain = attention_cost(call)
    sizes = heads(call)
    pairs = sizes.batch * sizes.count * sizes.queries * sizes.keys
    graphs = (value for value in call.node.attributes.values() if isinstance(value, Graph))
    steps = sum(len(graph.nodes) for graph in graphs)
    return Cost(plain.products, plain.elementwise + steps * pairs)


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "Attention",
            attention_cost,
            saves_attention,
            sees_attention,
            attends,
            storage=Storage(layout=lies_as_queries),
            casting=IN_HALF,
            cached=(1, 2),
        ),
        Operator(
            "FlexAttention",
            flexible_cost,
            saves_attention,
            sees_attention,
            domain="ai.onnx.preview",
            casting=IN_HALF,
        ),
        Operator("RotaryEmbedding", no_cost, saves_nothing, sees_first_input, passes),
    )
