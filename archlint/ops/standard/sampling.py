"""Operators that draw from the distribution that their input gives."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.facets import per_input, per_output, saves_nothing, sees_first_input
from archlint.ops.links import InputLinks, same_axes_but
from archlint.ops.operator import Operator


def sees_distribution(call: Call, _: int) -> InputLinks:
    """Each draw is from all chances of its row."""
    rank = call.rank(0)
    return {0: same_axes_but(rank, {rank - 1})}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family. A draw has no gradient."""
    return (
        Operator("Bernoulli", per_output(1), saves_nothing, sees_first_input, differentiable=False),
        Operator(
            "Multinomial", per_input(2), saves_nothing, sees_distribution, differentiable=False
        ),
    )
