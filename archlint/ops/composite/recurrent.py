"""Recurrent cells of a single step, which exporters decompose into their gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import NONE, Attributes, Composite, Form, framework_operator
from archlint.ops.composite.pattern import Pattern, Tensor, either, made
from archlint.ops.saved import NOTHING, Gradients, SavedTensors

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.ops.composite.pattern import Matching


def saves_gates(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the sums of the state, in which two gates are computed in place, and three tensors.

    These are the candidate state, the operand of the reset gate, and the difference of the old
    state and the candidate: the last two are overwritten by products, so that autograd saves
    copies.
    """
    if not gradients.needed:
        return NOTHING
    return SavedTensors(inputs=(1,), own=3 * nbytes(call.output()))


def _cut(label: str, place: int) -> Pattern:
    """Return a third of a product with the input or with the state."""
    third = made("Split", Tensor(label), output=place)
    return either(third, made("Identity", third))  # as one takes a tensor from a list


def _gate(place: int) -> Pattern:
    return made("Sigmoid", made("Add", _cut("of state", place), _cut("of input", place)))


def _is_cell(matching: Matching, graph: Graph) -> Attributes | None:
    """Whether the candidate is added at last, as PyTorch's own cell does; people add it first."""
    last = graph.producers.get(matching.nodes[0].inputs[1])
    return NONE if last is not None and last.op == "Tanh" else None


_CANDIDATE = made(
    "Tanh", made("Add", _cut("of input", 2), made("Mul", _cut("of state", 2), _gate(0)))
)
_NEW_STATE = made(
    "Add", made("Mul", made("Sub", Tensor("state"), _CANDIDATE), _gate(1)), _CANDIDATE
)


def composites() -> tuple[Composite, ...]:
    """Return the one composite of this family: PyTorch's GRUCell, behind its two products."""
    inputs = ("of input", "of state", "state")
    return (
        Composite(
            framework_operator("GruCell", saves_gates),
            (Form(_NEW_STATE, inputs, _is_cell, spans_calls=True),),
        ),
    )
