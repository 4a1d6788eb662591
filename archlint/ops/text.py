"""Operators on strings, and those that draw random numbers from what they are given."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.facets import (
    keeps_nothing,
    no_cost,
    per_input,
    per_output,
    sees_elementwise,
    sees_first_input,
)
from archlint.ops.links import Sight, Through, Whole
from archlint.ops.operator import CostFacet, Operator, SightFacet


def sees_parts(call: Call, _: int) -> Sight:
    """Each string becomes a row of its parts."""
    return {0: tuple(Through(axis, axis) for axis in range(call.rank(0)))}


def sees_remaining(call: Call, _: int) -> Sight:
    """Words are left out, so that the others move up."""
    rank = call.rank(0)
    return {0: (*(Through(axis, axis) for axis in range(rank - 1)), Whole(rank - 1))}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family. Nothing here has a gradient."""
    return (
        _op("StringConcat", no_cost, sees_elementwise),
        _op("StringNormalizer", no_cost, sees_remaining),
        _op("StringSplit", no_cost, sees_parts),
        _op("RegexFullMatch", no_cost, sees_first_input),
        _op("TfIdfVectorizer", per_input(2), sees_remaining),
        _op("Bernoulli", per_output(1), sees_first_input),
        _op("Multinomial", per_input(2), sees_remaining),
    )


def _op(name: str, cost: CostFacet, sight: SightFacet) -> Operator:
    return Operator(name, cost, keeps_nothing, sight, differentiable=False)
