"""Recurrent layers: LSTM, GRU and plain RNN."""

from __future__ import annotations

from math import prod

from msgspec.structs import replace

from archlint.graph.program.left_out import LACKS_PROJECTION, lacks_projection
from archlint.ops.autocast import varies
from archlint.ops.call import Call, nbytes, width
from archlint.ops.cost import Cost, Product
from archlint.ops.effect import Effect, Recurs
from archlint.ops.fan import Fan
from archlint.ops.links import InputLinks, Link, Links, Through, Whole
from archlint.ops.operator import Operator, SavedFacet, SignalFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.strides import contiguous
from archlint.ops.undetermined import Undetermined

_MANY_STEPS = 64  # where the length of a sequence is open: the state has settled by then
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_STATE = frozenset({0, 1, 2, 3})
_LENGTHS = 4  # the slot of the lengths of sequences
_PAGE = 4096  # bytes
_LINE = 16  # numbers in a cache line
_ALIASES = 256


def recurrent_cost(call: Call) -> Cost:
    """Count x W and h R at every step: T B D G H (I + H) for G gates and D directions.

    The initial state is not computed by the cell, so that the first product with R may need no
    gradient of the state. Where the lengths of the sequences depend on the data, all but one of
    them may have a single step.
    """
    _refuse_misfit(call)
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
        least=_least_steps(call) / (steps * batch) if call.has_input(_LENGTHS) else 1.0,
        depends_on="how long the sequences are",
    )


def recurrent_misfit(call: Call) -> str | None:
    """Compare the rows of the weights with the gates of the hidden units."""
    gates, hidden = _GATES[call.node.op], call.integer("hidden_size", call.shape(2)[2])
    rows = next((n for slot in (1, 2) if (n := call.shape(slot)[1]) != gates * hidden), None)
    if rows is None:
        return None
    return f"its weights have {rows} rows, {gates} gates of {hidden} hidden units {gates * hidden}"


def _refuse_misfit(call: Call) -> None:
    """Refuse an answer for a layer that is not the program's, or none at all."""
    if call.node.op == "LSTM" and lacks_projection(call.graph.by_name[call.node.name]):
        raise Undetermined(LACKS_PROJECTION)
    reason = recurrent_misfit(call)
    if reason is not None:
        raise Undetermined(reason)


def _least_steps(call: Call) -> int:
    """Return the fewest steps of all sequences together: one each but for the longest."""
    steps, batch = _extent(call)
    return steps + batch - 1


def _extent(call: Call) -> tuple[int, int]:
    """Return the number of steps and of sequences."""
    first, second, _ = call.shape(0)
    return (second, first) if call.integer("layout", 0) == 1 else (first, second)


def saves_cells(numbers: int, states: int, more: int) -> SavedFacet:
    """Save `numbers` for each step and hidden unit, and `states` for each hidden unit, a sequence.

    These figures were measured for PyTorch's cells on the CPU. When the backward pass first sums,
    the saved tensors of two steps have been freed and the gradients of their gates allocated:
    `more` is the difference, in numbers per hidden unit and sequence.
    """

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients.needed:
            return NOTHING
        steps, batch = _extent(call)
        directions, rows, hidden = call.shape(2)
        element = width(call.input(0)) // 8
        units = steps * batch * hidden * element
        copies = _copies(call, gradients, directions)
        # The gradient of R: the sum over previous steps, that of this step, and the new sum.
        summed = (min(steps, 3) * hidden + 1) * rows * element + more * units // steps
        gates = steps * batch * rows * element
        # The directions run one after the other.
        waiting = (directions - 1) * gradients[0] * nbytes(call.input(0))
        gone = numbers * units + copies // directions
        second = (directions - 1) * (_of_weights(call, gradients) // 2 - gone) + waiting
        return SavedTensors(
            inputs=() if copies else (0,),
            own=copies + directions * (numbers * units + states * batch * hidden * element),
            transient=summed + max(second, 0),
            forward_transient=gates + (directions - 1) * 2 * units,
            transient_after=gates + waiting,
        )

    return saved


def saves_workspace(cells: SavedFacet) -> SavedFacet:
    """Save initial and final states, the outputs, and oneDNN's workspace, for each direction.

    This is how PyTorch runs an LSTM on the CPU. cuDNN's reserve space is only known to lie between
    what `cells` save and such a workspace.
    """

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients.needed:
            return NOTHING
        steps, batch = _extent(call)
        directions, _, hidden = call.shape(2)
        element = width(call.input(0)) // 8
        units = steps * batch * hidden * element
        copies = _copies(call, gradients, 1)
        workspace = workspace_bytes(steps, batch, call.shape(0)[2], hidden)
        own = copies + directions * (workspace + 4 * batch * hidden * element)
        if gradients.on_gpu:
            apart = cells(call, gradients)
            return replace(apart, own_high=max(apart.own, own + directions * units))
        inputs = () if copies else (0,)
        if not call.has_input(3):  # zeros in place of the biases, as large as the weights
            own += nbytes(call.input(1)) + nbytes(call.input(2))
        # The gradients of the states and of the input are always computed.
        transient = 2 * batch * hidden * element + (not gradients[0]) * nbytes(call.input(0))
        if directions == 1 and call.has_output(0):
            return SavedTensors(inputs, outputs=(0,), own=own, transient=transient)
        if directions == 2:
            # One direction after the other: first, only the gradients of its weights exist; then
            # its saved tensors are freed, and its gradient of the input waits for the other one.
            freed = workspace + 2 * batch * hidden * element + units
            second = gradients[0] * nbytes(call.input(0)) - freed
            transient += max(-_of_weights(call, gradients) // 2, second)
        return SavedTensors(inputs, own=own + directions * units, transient=transient)

    return saved


def saves_packed(whole: SavedFacet, cells: SavedFacet) -> SavedFacet:
    """Save what `cells` save of a packed batch, whose sequence lengths depend on the data.

    The steps of all sequences are concatenated first, and saved. At the low end each sequence but
    the longest one has one step; at the high end all are equally long, which PyTorch runs as a
    regular (`whole`) batch. Sequences that end leave two states behind (measured).
    """

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        _refuse_misfit(call)
        if not call.has_input(_LENGTHS) or not gradients.needed:
            return whole(call, gradients)
        steps, batch = _extent(call)
        directions, _, hidden = call.shape(2)
        element = width(call.input(0)) // 8
        full, every = whole(call, gradients), cells(call, gradients)
        ended = 2 * directions * (batch - 1) * hidden * element
        least = _least_steps(call) / (steps * batch)
        return replace(
            every,
            inputs=(),
            outputs=(),
            own=int(least * (every.own + nbytes(call.input(0)))),
            own_high=nbytes(call.input(0)) + max(every.own + ended, full.own),
            depends_on="the lengths of the sequences",
        )

    return saved


def _of_weights(call: Call, gradients: Gradients) -> int:
    """Return the bytes of the gradients of the weights and biases."""
    return sum(nbytes(call.input(slot)) for slot in call.present((1, 2, 3)) if gradients[slot])


def _copies(call: Call, gradients: Gradients, times: int) -> int:
    """Return the bytes of the copies that are made of an input that is not contiguous."""
    strides = gradients.strides_of(0)
    is_copied = strides is not None and strides != contiguous(call.shape(0))
    return times * nbytes(call.input(0)) if is_copied else 0


def workspace_bytes(steps: int, batch: int, inputs: int, hidden: int) -> int:
    """Return the bytes that oneDNN saves for one direction of an LSTM in float32.

    Fitted exactly to oneDNN's answers for 250 layers: gates and cells of every step, then states
    of two layers before and after every step and their gradients, each aligned to a page.
    """
    rows = batch * (steps + 1) * 2
    parts = (
        steps * batch * _leading(4 * hidden),
        steps * batch * _leading(hidden),
        *[rows * _leading(max(inputs, hidden))] * 3,
        *[rows * hidden] * 2,
    )
    return sum(-(-4 * part // _PAGE) * _PAGE for part in parts)


def _leading(numbers: int) -> int:
    """Round a row up to whole cache lines, plus one where rows would alias in the cache."""
    lines = -(-numbers // _LINE) * _LINE
    return lines + _LINE if lines % _ALIASES == 0 else lines


def sees_sequence(call: Call, output: int) -> InputLinks:
    """Step t reads steps 0 to t, backwards t to the end, with two directions every step."""
    direction = call.text("direction", "forward")
    batch_first = call.integer("layout", 0) == 1
    steps, batch = (1, 0) if batch_first else (0, 1)
    # Y is (T, D, B, H) or (B, T, D, H), the last state (D, B, H) or (B, D, H).
    own_batch = 0 if batch_first else (2 if output == 0 else 1)
    if output > 0:
        time = Whole(steps)
    elif direction == "bidirectional":
        time = Whole(steps, own=steps)
    else:
        time = Whole(steps, causal=steps, backward=direction == "reverse")
    features = Whole(2, features=True)
    links: list[Link] = [Through(batch, own_batch), features]
    by_slot: dict[int, Links] = {0: (time, *links)}
    for slot in (5, 6):  # the first states
        if call.has_input(slot):
            by_slot[slot] = (Whole(1 if batch_first else 0), *links)
    return by_slot


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
        _cell("LSTM", saves_cells(7, 0, -7), saves_workspace(saves_cells(7, 0, -7))),
        _cell("GRU", saves_cells(7, 0, -7)),
        _cell("RNN", saves_cells(1, 1, 1)),
    )


def _cell(name: str, cells: SavedFacet, whole: SavedFacet | None = None) -> Operator:
    return Operator(
        name,
        recurrent_cost,
        saves_packed(whole or cells, cells),
        sees_sequence,
        recurs(name),
        weights=(1, 2, 3, 7),
        misfit=recurrent_misfit,
        casting=varies("what a recurrent layer saves in half precision depends on the backend"),
    )
