"""Fused attention: with its projection, with caches, packed without padding, quantized."""

from __future__ import annotations

from itertools import pairwise

from archlint.graph.contributed.stand_in import MICROSOFT
from archlint.graph.dtype import DType
from archlint.ops.call import Call
from archlint.ops.contributed.attention_sight import (
    is_causal,
    sees_all,
    sees_nothing,
    sees_packed_tokens,
    sees_position_gate,
    sees_rotated,
    sees_steps_first,
)
from archlint.ops.cost import Cost, Product
from archlint.ops.effect import Attends, Effect
from archlint.ops.facets import keeps_nothing, per_output
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.operator import CostFacet, KeptFacet, Operator, SightFacet
from archlint.ops.signals import passes
from archlint.ops.undetermined import Undetermined
from archlint.record import record

_STATISTIC_BYTES = DType.FLOAT32.bits // 8


@record
class Attended:
    """The sizes of an attention: pairs of positions over all heads, and the widths of a head.

    `projected` are the products that make queries, keys and values, where the operator makes them
    itself: the slot of the weight, and the multiply-accumulates.
    """

    pairs: int
    width: int
    value_width: int
    rows: int
    projected: tuple[tuple[int, int], ...] = ()


def attention_cost(sizes: Attended, query: int, key: int, value: int) -> Cost:
    """Count the projections, the scores and the weighted values."""
    products = [
        Product(macs, (frozenset({0}), frozenset({slot}))) for slot, macs in sizes.projected
    ]
    made = (
        frozenset({0, *(slot for slot, _ in sizes.projected)}) if sizes.projected else frozenset()
    )
    queries, keys, values = (made or frozenset({slot}) for slot in (query, key, value))
    products += [
        Product(sizes.pairs * sizes.width, (queries, keys)),
        Product(sizes.pairs * sizes.value_width, (queries | keys, values)),
    ]
    return Cost(tuple(products), 6 * sizes.pairs)


def _shape(call: Call, slot: int, *ranks: int) -> tuple[int, ...]:
    """Return the sizes of an input that has one of these numbers of axes."""
    shape = call.shape(slot)
    if len(shape) not in ranks:
        raise Undetermined(f"{call.input(slot).name!r} has {len(shape)} axes")
    return shape


def _heads(call: Call, name: str = "num_heads") -> int:
    count = call.integer(name, 0)
    if count < 1:
        raise Undetermined("the number of heads is not known")
    return count


def _filled(call: Call, slot: int) -> int:
    """Return how much of a cache is filled where an input says it."""
    known = call.constant(slot)
    if known is None or known.size != 1:
        raise Undetermined("how much of a shared cache is filled is not known")
    return int(known.reshape(-1)[0])


def projected(past: int, weight: int = 1, filled: int = 6) -> CostFacet:
    """Return the cost of attention that projects its input with packed weights."""

    def cost(call: Call) -> Cost:
        return attention_cost(_projected(call, past, weight, filled), 0, 0, 0)

    return cost


def _projected(call: Call, past: int, weight: int, filled: int) -> Attended:
    batch, length, _ = _shape(call, 0, 3)
    columns = _shape(call, weight, 2)[1]
    count = _heads(call)
    given = call.integers("qkv_hidden_sizes")
    sizes = given if given and len(given) == 3 else (columns // 3,) * 3
    held = 0
    if call.has_input(past):
        shared = call.integer("past_present_share_buffer", 0)
        held = _filled(call, filled) if shared else _shape(call, past, 5)[3]
    pairs = batch * count * length * (length + held)
    inner = ((weight, call.elements(0) * columns),)
    return Attended(pairs, sizes[0] // count, sizes[2] // count, batch * count * length, inner)


def separate_cost(call: Call) -> Cost:
    """Count the scores and the weighted values of queries, keys and values."""
    slots = [slot if call.has_input(slot) else 0 for slot in range(3)]
    if call.has_input(1) and not call.has_input(2):
        slots[2] = 1
    return attention_cost(_separate(call), *slots)


def _separate(call: Call) -> Attended:
    count, query = _heads(call), _shape(call, 0, 3, 5)
    batch, length = query[:2]
    width = query[4] if len(query) == 5 else query[2] // count
    keys, value_width = length, width
    if call.has_input(1):
        key = _shape(call, 1, 3, 4, 5)
        keys = key[2] if len(key) == 4 else key[1]
    if call.has_input(2):
        value = _shape(call, 2, 3, 4)
        value_width = value[3] if len(value) == 4 else value[2] // count
    if call.has_input(6):
        keys += _filled(call, 8) if call.has_input(8) else _shape(call, 6, 4)[2]
    rows = batch * count * length
    return Attended(rows * keys, width, value_width, rows)


def keeps_separate(call: Call, gradients: Gradients) -> Kept:
    """A fused kernel keeps queries, keys, values, the output and one number a row."""
    if not gradients.needed:
        return NOTHING
    inputs = tuple(slot for slot in range(3) if call.has_input(slot))
    return Kept(inputs=inputs, outputs=(0,), own=_STATISTIC_BYTES * _separate(call).rows)


def keeps_projected(call: Call, gradients: Gradients) -> Kept:
    """Keep the input, the projected tensor, the output and one number a row."""
    if not gradients.needed:
        return NOTHING
    sizes = _projected(call, 4, 1, 6)
    batch, length, _ = call.shape(0)
    made = batch * length * call.shape(1)[1] + sizes.rows
    return Kept(inputs=(0,), outputs=(0,), own=_STATISTIC_BYTES * made)


def grouped_cost(call: Call) -> Cost:
    """Count every query head with the keys and values that its group shares."""
    slots = (0, 1, 2) if call.has_input(1) else (0, 0, 0)
    return attention_cost(_grouped(call), *slots)


def _grouped(call: Call) -> Attended:
    count, shared = _heads(call), _heads(call, "kv_num_heads")
    batch, length, width = _shape(call, 0, 3)
    head = width // count if call.has_input(1) else width // (count + 2 * shared)
    rows = batch * count * length
    return Attended(rows * _keys(call, length), head, head, rows)


def _keys(call: Call, length: int) -> int:
    """Return how many keys there are: the total length, or those of the cache and the new ones."""
    total = call.constant(6)
    if total is not None and total.size == 1:
        return int(total.reshape(-1)[0])
    if not call.has_input(3):
        return _shape(call, 1, 3)[1] if call.has_input(1) else length
    held = _shape(call, 3, 4)[2]
    if call.has_output(1) and call.output_shape(1)[2:3] == (held,) and held:
        raise Undetermined("how much of a shared cache is filled is not known")
    return held + length


def keeps_grouped(call: Call, gradients: Gradients) -> Kept:
    """A fused kernel keeps queries, keys, values, the output and one number a row."""
    if not gradients.needed:
        return NOTHING
    inputs = tuple(slot for slot in range(3) if call.has_input(slot))
    return Kept(inputs=inputs, outputs=(0,), own=_STATISTIC_BYTES * _grouped(call).rows)


def one_step_cost(call: Call) -> Cost:
    """Count one new position against the cache, or against the keys of another sequence."""
    count, query = _heads(call), _shape(call, 0, 3)
    rows = query[0] * count
    if call.has_input(1):
        key, width = _shape(call, 1, 3, 4), query[2] // count
    else:
        key, width = query, query[2] // count // 3
    if len(key) == 4:
        return attention_cost(Attended(rows * key[2], width, width, rows), 0, 1, 2)
    shared = call.integer("past_present_share_buffer", 0)
    held = 0
    if call.has_input(5):
        held = _filled(call, 7) if shared else _shape(call, 5, 4)[2]
    slots = (0, 1, 2) if call.has_input(1) else (0, 0, 0)
    return attention_cost(Attended(rows * (held + 1), width, width, rows), *slots)


def packed_cost(call: Call) -> Cost:
    """Count the projection, and the pairs within each sequence."""
    tokens, width = _shape(call, 0, 2)
    columns, count = _shape(call, 1, 2)[1], _heads(call)
    sizes = call.integers("qkv_hidden_sizes") or (columns // 3,) * 3
    pairs = count * _pairs_within(call, 4)
    inner = ((1, tokens * width * columns),)
    attended = Attended(pairs, sizes[0] // count, sizes[-1] // count, tokens * count, inner)
    return attention_cost(attended, 0, 0, 0)


def packed_separate_cost(call: Call) -> Cost:
    """Count the pairs within each sequence."""
    query, count = _shape(call, 0, 2, 4), _heads(call)
    width = query[3] if len(query) == 4 else query[1] // count
    value = _shape(call, 2, 2)[1] // count if call.has_input(2) else width
    pairs = count * _pairs_within(call, 5)
    slots = (0, 1, 2) if call.has_input(1) else (0, 0, 0)
    return attention_cost(Attended(pairs, width, value, query[0] * count), *slots)


def _pairs_within(call: Call, slot: int) -> int:
    """Return how many pairs of positions there are, where sequences are packed one by one."""
    ends = call.constant(slot)
    if ends is None:
        raise Undetermined("the lengths of packed sequences are data")
    places = [int(end) for end in ends.reshape(-1)]
    return sum((end - start) ** 2 for start, end in pairwise(places))


def ordered_cost(call: Call) -> Cost:
    """Count three projections, and the attention itself."""
    batch, length, _ = _shape(call, 0, 3)
    count = _heads(call)
    widths = [_shape(call, slot, 2)[1] for slot in (5, 6, 7)]
    held = _shape(call, 18, 5)[3] if call.has_input(18) else 0
    rows = batch * count * length
    pairs_of = zip((5, 6, 7), widths, strict=True)
    inner = tuple((slot, call.elements(0) * width) for slot, width in pairs_of)
    pairs = rows * (length + held)
    attended = Attended(pairs, widths[0] // count, widths[2] // count, rows, inner)
    return attention_cost(attended, 0, 0, 0)


def decoder_cost(call: Call) -> Cost:
    """Count the projections of (T, B, H), and the attention of T queries to S keys."""
    count, (length, batch, width) = _heads(call), _shape(call, 0, 3)
    static, cached = bool(call.known(8).any()), bool(call.known(9).any())
    inner = [(2, call.elements(0) * width)]
    if static and cached:
        keys = _shape(call, 6, 4)[2]
    else:
        source = _shape(call, 1 if static else 0, 3)
        keys = source[0] + (_shape(call, 6, 4)[2] if cached else 0)
        inner.append((3, source[0] * batch * width * 2 * width))
    rows = batch * count * length
    return attention_cost(
        Attended(rows * keys, width // count, width // count, rows, tuple(inner)), 0, 0, 0
    )


def depends_on_data(reason: str) -> CostFacet:
    """Return the cost of an operator whose work is not in the graph, for the reason given."""

    def cost(_: Call) -> Cost:
        raise Undetermined(reason)

    return cost


def position_gate_cost(call: Call) -> Cost:
    """Count the product of each head's queries with the gates' weight."""
    macs = call.elements(0) * _shape(call, 3, 2)[1]
    return Cost((Product(macs, (frozenset({0}), frozenset({3}))),), 3 * call.output_elements())


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
        _attention("Attention", projected(4), keeps_projected, sees_all(4, (), (3, 5)), (1, 2)),
        _attention("QAttention", projected(8), None, sees_all(8, (), (5,)), (1, 2)),
        _attention(
            "DecoderMaskedSelfAttention", projected(4), None, sees_all(4, (), (3, 5)), (1, 2)
        ),
        Operator(
            "MultiHeadAttention",
            separate_cost,
            keeps_separate,
            sees_all(6, (1, 2), (4, 5)),
            attends,
            weights=(3,),
            domain=MICROSOFT,
            cached=(1, 2),
        ),
        Operator(
            "GroupQueryAttention",
            grouped_cost,
            keeps_grouped,
            sees_all(3, (1, 2), (10,)),
            attends,
            buffers=(7, 8),
            weights=(11, 14, 15),
            domain=MICROSOFT,
            cached=(1, 2),
        ),
        _attention(
            "DecoderMaskedMultiHeadAttention",
            one_step_cost,
            None,
            sees_all(5, (1, 2), (3, 4)),
            (10,),
        ),
        _attention("PackedAttention", packed_cost, None, sees_packed_tokens, (1, 2)),
        _attention(
            "PackedMultiHeadAttention", packed_separate_cost, None, sees_packed_tokens, (3,)
        ),
        _attention(
            "QOrderedAttention",
            ordered_cost,
            None,
            sees_all(18, (), (17, 19)),
            (5, 6, 7, 11, 12, 13),
        ),
        _attention("DecoderAttention", decoder_cost, None, sees_steps_first, (2, 3, 4)),
        *(
            _attention(name, depends_on_data(reason), None, sees_all(0, others), weights)
            for name, reason, others, weights in _BY_DATA
        ),
        _attention("PagedAttention", depends_on_data(_PAGES), None, sees_packed_tokens, ()),
        _attention(
            "GatedRelativePositionBias", position_gate_cost, None, sees_position_gate, (1, 3, 4, 5)
        ),
        _attention("RelativePositionBias", per_output(1), None, sees_nothing, (0,)),
        *(
            Operator(
                name,
                per_output(3),
                keeps_nothing,
                sees_rotated,
                passes,
                buffers=(2, 3),
                domain=MICROSOFT,
            )
            for name in ("RotaryEmbedding", "MRotaryEmbedding", "GemmaRotaryEmbedding")
        ),
    )


_GLOBAL = "how many tokens attend to all others is data"
_BLOCKS = "which blocks of the cache are attended to is data"
_PAGES = "how many pages of the cache are filled is data"
_BY_DATA = (
    ("LongformerAttention", _GLOBAL, (), (1, 2, 4, 5)),
    ("QOrderedLongformerAttention", _GLOBAL, (), (2, 4, 8, 10)),
    ("SparseAttention", _BLOCKS, (1, 2), ()),
    ("DynamicSparseAttention", _BLOCKS, (1, 2), ()),
)


def _attention(
    name: str,
    cost: CostFacet,
    kept: KeptFacet | None,
    sight: SightFacet,
    weights: tuple[int, ...],
) -> Operator:
    """Return an operator without a known effect on signals; without `kept` it never trains."""
    return Operator(
        name,
        cost,
        kept or keeps_nothing,
        sight,
        weights=weights,
        differentiable=kept is not None,
        domain=MICROSOFT,
    )
