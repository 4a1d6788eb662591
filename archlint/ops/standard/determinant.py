"""Determinants of matrices."""

from __future__ import annotations

from math import prod

from archlint.ops.call import Call, nbytes
from archlint.ops.cost import Cost, elementwise
from archlint.ops.links import InputLinks, same_axes_but
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
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


def sees_whole_matrix(call: Call, _: int) -> InputLinks:
    """A determinant, or an element of an inverse, reads its whole matrix."""
    rank = call.rank(0)
    return {0: same_axes_but(rank, {rank - 2, rank - 1})}


def operators() -> tuple[Operator, ...]:
    """Return the only entry of this family."""
    return (Operator("Det", determinant_cost, saves_factors, sees_whole_matrix),)
