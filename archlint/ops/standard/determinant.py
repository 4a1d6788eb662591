"""Determinants, cumulative products, and gates of two tensors."""

from __future__ import annotations

from math import prod

from archlint.ops.call import Call, nbytes
from archlint.ops.cost import Cost, elementwise
from archlint.ops.facets import per_input, per_output, sees_elementwise
from archlint.ops.links import InputLinks, same_axes_but
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.standard.reduction import sees_prefix
from archlint.ops.storage import LIKE_INPUTS
from archlint.ops.undetermined import Undetermined

_PIVOT_BYTES = 4


def determinant_cost(call: Call) -> Cost:
    """Count 2/3 N^3 operations to factor each matrix, as elementwise work, not as a product."""
    shape = call.shape(0)
    if len(shape) < 2:
        raise Undetermined("the determinant of something that is not a matrix")
    return elementwise(2 * prod(shape) * shape[-1] // 3)


def saves_factors(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the triangular factors, the pivots, and the result."""
    if not gradients[0]:
        return NOTHING
    pivots = _PIVOT_BYTES * prod(call.shape(0)[:-1])
    return SavedTensors(outputs=(0,), own=nbytes(call.input(0)) + pivots)


def sees_matrix(call: Call, _: int) -> InputLinks:
    """A determinant, or an element of an inverse, reads its whole matrix."""
    rank = call.rank(0)
    return {0: same_axes_but(rank, {rank - 2, rank - 1})}


def saves_products(_: Call, gradients: Gradients) -> SavedTensors:
    """A running product saves its input and its output."""
    return SavedTensors(inputs=(0,), outputs=(0,)) if gradients[0] else NOTHING


def saves_gate(call: Call, gradients: Gradients) -> SavedTensors:
    """Save gate and value, and the activated gate, which is multiplied with the value."""
    if not gradients.needed:
        return NOTHING
    return SavedTensors(inputs=(0, 1), own=nbytes(call.output()))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator("Det", determinant_cost, saves_factors, sees_matrix),
        Operator("CumProd", per_input(1), saves_products, sees_prefix),
        Operator("SwiGLU", per_output(6), saves_gate, sees_elementwise, storage=LIKE_INPUTS),
    )
