"""Recurrent layers: LSTM, GRU and plain RNN."""

from __future__ import annotations

from math import prod

from archlint.ops.call import Call, width
from archlint.ops.cost import Cost, Product
from archlint.ops.effect import Effect, Recurs
from archlint.ops.fan import Fan
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.links import Link, Links, Sight, Through, Whole
from archlint.ops.operator import KeptFacet, Operator, SignalFacet

_MANY_STEPS = 64  # where the length of a sequence is open: the state has settled by then
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_STATE = frozenset({0, 1, 2, 3})


def recurrent_cost(call: Call) -> Cost:
    """Count x W and h R at every step: T B D G H (I + H) for G gates and D directions."""
    steps, batch, _ = call.shape(0)
    positions = steps * batch
    return Cost(
        (
            Product(positions * prod(call.shape(1)), (frozenset({0}), frozenset({1}))),
            Product(positions * prod(call.shape(2)), (_STATE, frozenset({2}))),
        ),
        elementwise=4 * positions * prod(call.shape(1)[:2]),
    )


def keeps_steps(least: int, most: int) -> KeptFacet:
    """Keep between `least` and `most` numbers for each step, sample and hidden unit.

    How much a backend stores for itself is private to it: decomposed cells keep the gates and the
    states, the fused CPU kernel keeps a workspace about twice as large.
    """

    def kept(call: Call, gradients: Gradients) -> Kept:
        if not gradients.needed:
            return NOTHING
        steps, batch, _ = call.shape(0)
        directions, _, hidden = call.shape(2)
        units = steps * batch * directions * hidden * width(call.input(0)) // 8
        return Kept(inputs=(0,), outputs=(0,), own=least * units, own_high=most * units)

    return kept


def sees_sequence(call: Call, output: int) -> Sight:
    """Step t reads steps 0 to t, backwards t to the end, with two directions every step."""
    direction = call.text("direction", "forward")
    batch_first = call.integer("layout", 0) == 1
    steps, batch = (1, 0) if batch_first else (0, 1)
    # Y is (T, D, B, H) or (B, T, D, H), the last state (D, B, H) or (B, D, H).
    own_batch = 0 if batch_first else (2 if output == 0 else 1)
    running = None if output > 0 or direction == "bidirectional" else steps
    time = Whole(steps, causal=running, backward=direction == "reverse")
    features = Whole(2, features=True)
    links: list[Link] = [Through(batch, own_batch), features]
    sight: dict[int, Links] = {0: (time, *links)}
    for slot in (5, 6):  # the first states
        if call.has_input(slot):
            sight[slot] = (Whole(1 if batch_first else 0), *links)
    return sight


def recurs(name: str) -> SignalFacet:
    """Return the effect of a cell: each gate sums the input and the last state."""

    def effect(call: Call) -> Effect:
        rows, inputs = call.shape(1)[1:]
        hidden = call.shape(2)[2]
        steps = (call.input(0).shape or (None,))[0]
        length = steps if isinstance(steps, int) else _MANY_STEPS
        return Recurs(((1, Fan(inputs, rows)), (2, Fan(hidden, rows))), _GATES[name], length)

    return effect


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        _cell("LSTM", keeps_steps(5, 20)),
        _cell("GRU", keeps_steps(4, 12)),
        _cell("RNN", keeps_steps(0, 3)),
    )


def _cell(name: str, kept: KeptFacet) -> Operator:
    return Operator(name, recurrent_cost, kept, sees_sequence, recurs(name), weights=(1, 2, 3, 7))
