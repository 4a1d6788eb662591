"""Sequences and optionals that could not be replaced by the tensors in them."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.facets import no_cost, saves_nothing, sees_first_input, sees_nothing
from archlint.ops.links import InputLinks
from archlint.ops.operator import Operator
from archlint.ops.storage import Storage
from archlint.ops.strides import views_same
from archlint.ops.undetermined import Undetermined


def sees_item(_: Call, __: int) -> InputLinks:
    """The items of a sequence depend on the data."""
    raise Undetermined("which tensors are in the sequence is not known")


def sees_optional(call: Call, output: int) -> InputLinks:
    """An optional holds its input as it is."""
    return sees_first_input(call, output) if call.has_input(0) else {}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family. A SequenceMap runs a graph: it is no part of it."""
    return (
        *(
            Operator(name, no_cost, saves_nothing, sees_item)
            for name in (
                "ConcatFromSequence",
                "SequenceAt",
                "SequenceConstruct",
                "SequenceErase",
                "SequenceInsert",
                "SplitToSequence",
            )
        ),
        Operator("SequenceEmpty", no_cost, saves_nothing, sees_nothing, differentiable=False),
        Operator("SequenceLength", no_cost, saves_nothing, sees_nothing, differentiable=False),
        Operator("OptionalHasElement", no_cost, saves_nothing, sees_nothing, differentiable=False),
        *(
            Operator(name, no_cost, saves_nothing, sees_optional, storage=Storage(view=views_same))
            for name in ("Optional", "OptionalGetElement")
        ),
    )
