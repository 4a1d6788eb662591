"""Output shapes of fused attention and of state-space layers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.graph.dtype import DType
from archlint.graph.inference.contributed.given import (
    Given,
    Made,
    Outputs,
    Rule,
    product,
    quotient,
    total,
)
from archlint.graph.value import Dim, Shape


def projected(given: Given) -> Outputs:
    """Attention with packed weights (hidden, q + k + v), and its cache (2, B, H, P + T, d)."""
    return _projected(given, past=4, typed_by=0)


def projected_quantized(given: Given) -> Outputs:
    """As `projected`, of bytes with a scale."""
    return _projected(given, past=8, typed_by=3)


def _projected(given: Given, past: int, typed_by: int) -> Outputs:
    batch, length, _ = given.of_rank(0, 3) or (None, None, None)
    heads = given.integer("num_heads")
    sizes = given.integers("qkv_hidden_sizes")
    width: Dim = sizes[-1] if sizes else quotient(given.dim(1, -1), 3)
    dtype = given.dtype(typed_by)
    held: Dim = given.dim(past, 3) if given.has(past) else 0
    if not given.integer("past_present_share_buffer", 0):
        held = total(held, length)
    present = (2, batch, heads, held, quotient(width, heads))
    return Made((batch, length, width), dtype), Made(present, dtype)


def separate(given: Given) -> Outputs:
    """Attention of queries, keys and values, apart or packed; caches are (B, H, P + T, d)."""
    heads, query, key, value = (given.integer("num_heads"), *map(given.shape, range(3)))
    if query is None:
        return ()
    batch, length, dtype = query[0], query[1], given.dtype(0)
    width: Dim = query[-1]
    keys: Dim = length
    if len(query) == 5:  # (B, T, H, 3, d)
        width = product(query[2], query[4])
    elif value is not None and len(value) == 3:
        width, keys = value[2], value[1]
    elif value is not None and len(value) == 4:
        width, keys = product(value[1], value[3]), value[2]
    elif key is not None and len(key) == 5:
        width, keys = product(key[2], key[4]), key[1]
    head, value_head = quotient(_head_width(query), heads), quotient(width, heads)
    held: Dim = given.dim(6, 2) if given.has(6) else 0
    known = given.has(8)  # the cache is as long as it may become
    rows = held if known else total(held, keys)
    return (
        Made((batch, length, width), dtype),
        Made((batch, heads, rows, head), dtype),
        Made((batch, heads, rows, value_head), dtype),
        Made((batch, heads, length, rows)),
    )


def _head_width(query: Shape) -> Dim:
    return product(query[2], query[4]) if len(query) == 5 else query[-1]


def grouped(given: Given) -> Outputs:
    """Grouped-query attention; caches are (B, kv heads, P + T, d)."""
    shape, heads, kv = given.shape(0), given.integer("num_heads"), given.integer("kv_num_heads")
    if shape is None or len(shape) != 3 or not heads or not kv:
        return ()
    batch, length, width = shape
    head = quotient(width, heads if given.has(1) else heads + 2 * kv)
    cached = _cache_length(given, length)
    dtype = given.dtype(0)
    cache = Made((batch, kv, cached, head), given.dtype(3, 0))
    return Made((batch, length, product(head, heads)), dtype), cache, cache


def _cache_length(given: Given, length: Dim) -> Dim:
    """Return the length of the updated cache, from the total length where it is known."""
    if not given.has(3):
        return length
    cached = given.dim(3, 2)
    whole = given.numbers(6)
    if whole and isinstance(cached, int):
        return max(whole[0], cached)
    return total(cached, length) if length != 1 and cached == 0 else None


def sparse(given: Given) -> Outputs:
    """Block-sparse attention, which does not change the length of its caches."""
    return (*grouped(given)[:1], *_caches(given, 3, 4))


def _caches(given: Given, *slots: int) -> Outputs:
    return tuple(Made(given.shape(slot), given.dtype(slot)) for slot in slots)


def packed(given: Given) -> Outputs:
    """Attention of tokens without padding (tokens, hidden), with packed weights."""
    sizes = given.integers("qkv_hidden_sizes")
    width: Dim = sizes[-1] if sizes else quotient(given.dim(1, -1), 3)
    return (Made((given.dim(0, 0), width), given.dtype(0)),)


def packed_separate(given: Given) -> Outputs:
    """Attention of tokens without padding, with queries, keys and values apart or packed."""
    shape = given.shape(0)
    if shape is None:
        return ()
    width = given.dim(2, -1) if given.has(2) else product(shape[1], shape[-1])
    return (Made((shape[0], width), given.dtype(0)),)


def paged(given: Given) -> Outputs:
    """Attention with a paged cache, whose shape does not change."""
    heads, kv = given.integer("num_heads"), given.integer("kv_num_heads")
    width = given.dim(0, -1)
    if not given.has(1) and heads and kv:
        width = product(quotient(width, heads + 2 * kv), heads)
    return Made((given.dim(0, 0), width), given.dtype(0)), *_caches(given, 3, 4)


def one_step(given: Given) -> Outputs:
    """Attention of one new position; the cache grows unless it is shared."""
    return _projected(given, past=4, typed_by=0)


def one_step_separate(given: Given) -> Outputs:
    """As `one_step`, with queries, keys and values apart."""
    batch, length, width = given.of_rank(0, 3) or (None, None, None)
    heads = given.integer("num_heads")
    value = given.shape(2)
    if value is not None:
        width = value[-1] if len(value) == 3 else product(value[1], value[3])
    held = given.dim(5, 2) if given.has(5) else given.dim(2, 2)
    if given.has(5) and not given.integer("past_present_share_buffer", 0):
        held = total(held, length)
    cache = Made((batch, heads, held, quotient(width, heads)), given.dtype(0))
    return Made((batch, length, width), given.dtype(0)), cache, cache


def decoded(given: Given) -> Outputs:
    """A decoder's attention: (T, B, H)."""
    return (Made(given.shape(0), given.dtype(0)),)


def ordered(given: Given) -> Outputs:
    """Quantized attention: the output width is the number of columns of the values' weight."""
    batch, length, _ = given.of_rank(0, 3) or (None, None, None)
    return (Made((batch, length, given.dim(7, -1)), given.dtype(0)),)


def position_biased(given: Given) -> Outputs:
    """A bias for each pair of positions (1, heads, T, S)."""
    lengths = [given.numbers(slot) for slot in (1, 2)]
    rows, columns = (known[0] if known else None for known in lengths)
    return (Made((1, given.dim(0, 1), rows, columns), given.dtype(0)),)


def position_gated(given: Given) -> Outputs:
    """A bias for each pair of positions of each sample (B, heads, T, T)."""
    shape = given.shape(0)
    first = shape if shape is not None and len(shape) == 3 else given.of_rank(6, 2)
    batch, length = first[:2] if first else (None, given.dim(2, -1))
    return (Made((batch, given.integer("num_heads"), length, length), given.dtype(0)),)


def padded(given: Given) -> Outputs:
    """Tokens with padding again (B, T, H)."""
    batch, length = given.of_rank(1, 2) or (None, None)
    return (Made((batch, length, given.dim(0, -1)), given.dtype(0)),)


def unpadded(given: Given) -> Outputs:
    """Tokens without padding, whose number depends on the data."""
    batch, length, width = given.of_rank(0, 3) or (None, None, None)
    count = DType.INT32
    return (
        Made((None, width), given.dtype(0)),
        Made((batch, length), count),
        Made((total(batch, 1),), count),
        Made((1,), count),
    )


def linear(given: Given) -> Outputs:
    """Linear attention (B, T, H d_v) and its state (B, kv heads, d_k, d_v)."""
    batch, length, width = given.of_rank(0, 3) or (None, None, None)
    heads, kv = given.integer("q_num_heads"), given.integer("kv_num_heads")
    key = quotient(width, heads)
    value = quotient(given.dim(2, -1), kv)
    most = max(heads, kv) if heads and kv else None
    state: Shape = (batch, kv, key, value)
    window = given.integer("state_window", 0)
    if window:
        state = (window, *state)
    return (
        Made((batch, length, product(most, value)), given.dtype(0)),
        Made(state, given.dtype(3, 0)),
    )


def delta(given: Given) -> Outputs:
    """A gated delta network: the output has the shape of the values, and the state is unchanged."""
    value = given.shape(2)
    state = Made(given.shape(6), given.dtype(6))
    if value is None or not given.has(2):
        return (Made(None, given.dtype(0)), state)
    most = [dim for dim in (given.dim(0, -2), value[-2]) if isinstance(dim, int)]
    heads = max(most) if len(most) == 2 else None
    return Made((*value[:-2], heads, value[-1]), given.dtype(0)), state


def causal(given: Given) -> Outputs:
    """A causal convolution: the output has the shape of the input; the state is the last inputs."""
    shape, kernel = given.shape(0), given.dim(1, -1)
    step = given.integer("dilation", 1) or 1
    held = (kernel - 1) * step if isinstance(kernel, int) else None
    state: Shape | None = None
    if shape is not None:
        last = bool(given.integer("channels_last", 0))
        state = (shape[0], held, *shape[2:]) if last else (*shape[:-1], held)
        window = given.integer("state_window", 0)
        state = (window, *state) if window else state
    return Made(shape, given.dtype(0)), Made(state, given.dtype(0))


ATTENTION: Mapping[str, Rule] = MappingProxyType(
    {
        "Attention": projected,
        "CausalConvWithState": causal,
        "DecoderAttention": decoded,
        "DecoderMaskedMultiHeadAttention": one_step_separate,
        "DecoderMaskedSelfAttention": one_step,
        "DynamicSparseAttention": grouped,
        "GatedDeltaNet": delta,
        "GatedRelativePositionBias": position_gated,
        "GroupQueryAttention": grouped,
        "LinearAttention": linear,
        "LongformerAttention": decoded,
        "MultiHeadAttention": separate,
        "PackedAttention": packed,
        "PackedMultiHeadAttention": packed_separate,
        "PagedAttention": paged,
        "QAttention": projected_quantized,
        "QOrderedAttention": ordered,
        "QOrderedLongformerAttention": decoded,
        "RelativePositionBias": position_biased,
        "RemovePadding": unpadded,
        "RestorePadding": padded,
        "SparseAttention": sparse,
    }
)
"""The rules of com.microsoft operators by name."""
