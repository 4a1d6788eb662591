"""Operators on strings."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.facets import (
    no_cost,
    per_input,
    saves_nothing,
    sees_elementwise,
    sees_first_input,
)
from archlint.ops.links import InputLinks, same_axes_but
from archlint.ops.operator import CostFacet, LinksFacet, Operator


def sees_remaining(call: Call, _: int) -> InputLinks:
    """Words are removed, so that the following ones are shifted."""
    rank = call.rank(0)
    return {0: same_axes_but(rank, {rank - 1})}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family. Nothing here has a gradient."""
    return (
        _op("StringConcat", no_cost, sees_elementwise),
        _op("StringNormalizer", no_cost, sees_remaining),
        _op("StringSplit", no_cost, sees_first_input),
        _op("RegexFullMatch", no_cost, sees_first_input),
        _op("TfIdfVectorizer", per_input(2), sees_remaining),
    )


def _op(name: str, cost: CostFacet, links: LinksFacet) -> Operator:
    return Operator(name, cost, saves_nothing, links, differentiable=False)
