"""Sequence layers with a state: linear attention and causal convolutions."""

from __future__ import annotations

from math import prod

from archlint.ops.call import Call, nbytes
from archlint.ops.cost import Cost, Product
from archlint.ops.links import InputLinks, Link, Links, Opaque, Through, Whole
from archlint.ops.operator import Operator
from archlint.ops.reach import window
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.undetermined import Undetermined

_QUERY, _KEY, _VALUE = frozenset({0}), frozenset({1}), frozenset({2})
_STATE = frozenset({1, 2, 3, 4, 5})
_DECAYING = frozenset({"gated", "gated_delta"})
_CORRECTING = frozenset({"delta", "gated_delta"})


def linear_attention_cost(call: Call) -> Cost:
    """Count the recurrence, a step a token: B T H d_k d_v for each product with the state.

    The state gains an outer product of key and value a head, is read by every query head, and with
    a delta rule also by the key (S^T k). Decaying the state is elementwise work.
    """
    batch, length, width = _packed(call, 0)
    heads, shared = call.integer("q_num_heads", 0), call.integer("kv_num_heads", 0)
    if heads < 1 or shared < 1:
        raise Undetermined("the number of heads is not known")
    key, value = width // heads, _packed(call, 2)[2] // shared
    return recurrence_cost(
        call.text("update_rule", "gated_delta"),
        tokens=batch * length,
        readers=max(heads, shared),
        states=shared,
        area=key * value,
    )


def recurrence_cost(rule: str, *, tokens: int, readers: int, states: int, area: int) -> Cost:
    """Return the cost of a rule for `states` states of `area` numbers, read by `readers` heads."""
    products = [
        Product(tokens * states * area, (_KEY, _VALUE)),
        Product(tokens * readers * area, (_QUERY, _STATE)),
    ]
    if rule in _CORRECTING:
        products.append(Product(tokens * states * area, (_KEY, _STATE)))
    decayed = tokens * states * area if rule in _DECAYING else 0
    return Cost(tuple(products), decayed)


def _packed(call: Call, slot: int) -> tuple[int, ...]:
    shape = call.shape(slot)
    if len(shape) != 3:
        raise Undetermined(f"{call.input(slot).name!r} has {len(shape)} axes")
    return shape


def saves_recurrence(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the inputs, and at most a state for every token, which a chunked form recomputes."""
    if not gradients.needed:
        return NOTHING
    state = nbytes(call.output(1)) if call.has_output(1) else 0
    return SavedTensors(
        inputs=call.present(), outputs=(0,), own=0, own_high=state * call.shape(0)[1]
    )


def sees_recurrence(call: Call, output: int) -> InputLinks:
    """Step t reads steps 0 to t; the state reads all steps."""
    running = 1 if output == 0 else None
    time = Whole(1, causal=running)
    # Output (B, T, H d), state (B, H, d_k, d_v).
    links: tuple[Link, ...] = (Through(0, 0), time, Whole(2, features=True))
    query: tuple[Link, ...] = (Through(0, 0), Through(1, 1), Whole(2, features=True))
    by_slot: dict[int, Links] = {0: query} if output == 0 else {}
    by_slot.update((slot, links) for slot in call.present((1, 2, 4, 5)))
    if call.has_input(3):
        rank = call.rank(3)
        lead = tuple(Whole(axis) for axis in range(rank - 4))
        own = Through(rank - 4, 0)
        rest = (Whole(axis, features=True) for axis in range(rank - 3, rank))
        by_slot[3] = (*lead, own, *rest)
    return by_slot


def causal_cost(call: Call) -> Cost:
    """Count output elements times the taps of the kernel of their channel."""
    taps = prod(call.shape(1)[1:])
    activated = 4 * call.output_elements() if call.text("activation", "none") != "none" else 0
    products = (Product(call.output_elements() * taps, (frozenset({0, 3}), frozenset({1}))),)
    return Cost(products, activated)


def saves_causal(call: Call, gradients: Gradients) -> SavedTensors:
    """Save input and weight, and with an activation also its input."""
    if not gradients.needed:
        return NOTHING
    activated = call.text("activation", "none") != "none"
    return SavedTensors(
        inputs=call.present((0, 1, 3)), own=nbytes(call.output()) if activated else 0
    )


def sees_causal(call: Call, output: int) -> InputLinks:
    """Position t reads the K taps up to it; the state is the end of the input."""
    rank, taps = call.rank(0), call.shape(1)[2:]
    dilation = call.integer("dilation", 1)
    if call.integer("channels_last", 0) or call.integer("input_channels", 0):
        time, others = 1, (0, *range(2, rank))
        taps = taps[-1:]
    else:
        time, others = rank - 1, tuple(range(rank - 1))
    if output:
        reason = "the state is the end of the input"
        along: Link = Opaque(time, reason)
        return {0: (*(Through(axis, axis) for axis in others), along)}
    # Only the last axis is causal; others, of kernels of several axes, are padded on both sides.
    links: list[Link] = [Through(axis, axis) for axis in others]
    for axis, kernel in zip(range(rank - len(taps), rank - 1), taps, strict=False):
        links[axis] = Through(axis, axis, window(kernel, 1, 1, (kernel - 1) // 2))
    back = dilation * (taps[-1] - 1)
    links.append(Through(time, time, window(taps[-1], 1, dilation, back)))
    by_slot: dict[int, Links] = {0: tuple(links)}
    if call.has_input(3):
        reason = "the inputs of an earlier call"
        by_slot[3] = tuple(Opaque(axis, reason) for axis in range(1, call.rank(3)))
    return by_slot


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (*stateful(""),)


def stateful(domain: str) -> tuple[Operator, ...]:
    """Return the entries of a domain: the standard has taken them over from com.microsoft."""
    return (
        Operator(
            "LinearAttention",
            linear_attention_cost,
            saves_recurrence,
            sees_recurrence,
            domain=domain,
        ),
        Operator(
            "CausalConvWithState",
            causal_cost,
            saves_causal,
            sees_causal,
            weights=(1, 2),
            domain=domain,
        ),
    )
