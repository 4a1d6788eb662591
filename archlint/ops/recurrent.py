"""Recurrent layers: LSTM, GRU and plain RNN."""

from __future__ import annotations

from math import prod

from archlint.ops.autocast import varies
from archlint.ops.call import Call, nbytes, width
from archlint.ops.cost import Cost, Product
from archlint.ops.effect import Effect, Recurs
from archlint.ops.fan import Fan
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.links import Link, Links, Sight, Through, Whole
from archlint.ops.operator import KeptFacet, Operator, SignalFacet
from archlint.ops.strides import contiguous

_MANY_STEPS = 64  # where the length of a sequence is open: the state has settled by then
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_STATE = frozenset({0, 1, 2, 3})
_PAGES = 8 * 4096  # the parts of a workspace begin on pages


def recurrent_cost(call: Call) -> Cost:
    """Count x W and h R at every step: T B D G H (I + H) for G gates and D directions.

    The state before the first step is no result of the cell, so that the first product with R has a
    data gradient of its own, or none.
    """
    steps, batch = _extent(call)
    inputs, states = prod(call.shape(1)), prod(call.shape(2))
    recurrent = frozenset({2})
    return Cost(
        (
            Product(steps * batch * inputs, (frozenset({0}), frozenset({1}))),
            Product((steps - 1) * batch * states, (_STATE, recurrent)),
            Product(batch * states, (frozenset({5}), recurrent)),
        ),
        elementwise=4 * steps * batch * prod(call.shape(1)[:2]),
    )


def _extent(call: Call) -> tuple[int, int]:
    """Return the number of steps and of sequences."""
    first, second, _ = call.shape(0)
    return (second, first) if call.integer("layout", 0) == 1 else (first, second)


def keeps_cells(numbers: int, states: int, *, fused: bool) -> KeptFacet:
    """Keep `numbers` for each step and hidden unit, and `states` for each hidden unit, a sequence.

    That is what PyTorch's cells keep on the CPU, measured. A backend that runs the whole sequence
    at once, as oneDNN does for an LSTM and cuDNN for all, has a workspace of its own: the upper
    end.
    """

    def kept(call: Call, gradients: Gradients) -> Kept:
        if not gradients.needed:
            return NOTHING
        steps, batch = _extent(call)
        directions, gates, hidden = call.shape(2)
        element = width(call.input(0)) // 8
        units = steps * batch * hidden * element
        cells = directions * (numbers * units + states * batch * hidden * element)
        strides = gradients.strides_of(0)
        copied = strides is not None and strides != contiguous(call.shape(0))
        copies = directions * nbytes(call.input(0)) if copied else 0
        high = None
        if fused or gradients.on_gpu:
            workspace = _workspace(steps * batch, (steps + 1) * batch, call.shape(0)[2], hidden)
            outputs = units + 4 * batch * hidden * element
            high = copies + max(cells, directions * (element * workspace + outputs + _PAGES))
        own = cells + copies
        # The gradient of R: what the steps so far add up to, that of this step, and their sum.
        transient = 3 * gates * hidden * element
        inputs = () if copied else (0,)
        return Kept(
            inputs,
            own=own,
            own_high=high,
            transient=transient,
            forward_transient=steps * batch * gates * element + (directions - 1) * 2 * units,
            stepwise=True,
        )

    return kept


def _workspace(positions: int, states: int, inputs: int, hidden: int) -> int:
    """Return about how many numbers oneDNN keeps for a direction, fitted to its LSTM from above.

    Gates, three sets of states that inputs and outputs share, the cells, and gradients.
    """
    lanes = _lanes(hidden)
    return (
        positions * (_lanes(4 * hidden) + 3 * lanes)
        + 6 * states * _lanes(max(inputs, hidden))
        + 2 * states * lanes
    )


def _lanes(numbers: int) -> int:
    """Round a row up to whole cache lines, and one more where rows would fall on each other."""
    return -(-numbers // 16) * 16 + 16


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
        _cell("LSTM", keeps_cells(7, 0, fused=True)),
        _cell("GRU", keeps_cells(7, 0, fused=False)),
        _cell("RNN", keeps_cells(1, 1, fused=False)),
    )


def _cell(name: str, kept: KeptFacet) -> Operator:
    return Operator(
        name,
        recurrent_cost,
        kept,
        sees_sequence,
        recurs(name),
        weights=(1, 2, 3, 7),
        casting=varies("what a recurrent layer keeps in half precision depends on the backend"),
    )
