"""Tensors that are made of parameters alone, which an optimizer computes beforehand."""

from __future__ import annotations

from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import Composite, framework_operator
from archlint.ops.cost import Cost, Product
from archlint.ops.facets import saves_nothing
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.storage import Storage
from archlint.ops.strides import Strides, contiguous

VIEWED, COMPUTED = "ViewedParameter", "FoldedParameters"
"""The operators for a slice or an expansion of a parameter, and for results of parameters."""

ITSELF, PASSING = "saves_output", "passing"
"""Whether it saves its output, and how many tensors like it exist for a moment."""

SAVED, SAVED_ROWS, SAVED_PLACES = "saved", "saved_rows", "saved_places"
"""How many tensors like the output it saves besides, how many like one row, how many places."""

LEAST_MACS, MOST_MACS = "least_macs", "most_macs"
"""How many multiply-accumulates its products take, at least and at most."""

LEAST_GRADIENTS, MOST_GRADIENTS = "least_gradients", "most_gradients"
"""How many operands of each product need a gradient."""

_PLACE_BYTES = 8


def composites() -> tuple[Composite, ...]:
    """Return the two operators of this family, which represent folded calls."""
    return (
        Composite(framework_operator(VIEWED, saves_nothing, storage=Storage(view=views_any))),
        Composite(framework_operator(COMPUTED, saves_of_parameters, cost=cost_of_products)),
    )


def views_any(call: Call, _: int, __: Strides) -> Strides:
    """A view of the parameter's elements, whose order is not recorded."""
    return contiguous(call.output_shape())


def cost_of_products(call: Call) -> Cost:
    """Multiply what the tensor is made of, as far as the file tells."""
    least, most = (
        _product(call, call.integer(macs, 0), call.integer(gradients, 0))
        for macs, gradients in ((LEAST_MACS, LEAST_GRADIENTS), (MOST_MACS, MOST_GRADIENTS))
    )
    return Cost((least,), most=(most,), depends_on="what the exporter computed beforehand")


def _product(call: Call, macs: int, gradients: int) -> Product:
    made_of = frozenset(call.present())
    first, second = (made_of if operand < gradients else frozenset() for operand in range(2))
    return Product(macs, (first, second))


def saves_of_parameters(call: Call, gradients: Gradients) -> SavedTensors:
    """Save intermediate results, as many as the calls may save."""
    if not gradients.needed:
        return NOTHING
    whole, rows = nbytes(call.output()), (*call.output_shape(), 1)[0]
    of_row = max(whole // max(rows, 1), rows * whole // max(call.output_elements(), 1))
    passing = call.integer(PASSING, 0) * whole
    own = call.integer(SAVED, 0) * whole + call.integer(SAVED_ROWS, 0) * of_row
    return SavedTensors(
        outputs=(0,) if call.integer(ITSELF, 0) else (),
        own=own + call.integer(SAVED_PLACES, 0) * _PLACE_BYTES,
        transient=passing,
        forward_transient=min(passing, whole),
    )
