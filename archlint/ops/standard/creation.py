"""Operators that create tensors from nothing or from a shape: no data flows through them."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.facets import no_cost, saves_nothing, sees_nothing
from archlint.ops.links import InputLinks, Through
from archlint.ops.operator import LinksFacet, Operator
from archlint.ops.weight_origin import WeightOrigin


def sees_indices(call: Call, _: int) -> InputLinks:
    """Each index creates a row of its own."""
    rank = call.rank(0)
    axis = call.integer("axis", -1) % (rank + 1)
    return {0: tuple(Through(each, each + (each >= axis)) for each in range(rank))}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    names = (
        "Range",
        "HannWindow",
        "HammingWindow",
        "BlackmanWindow",
        "MelWeightMatrix",
    )
    of_shapes = ("Shape", "Size", "RandomNormalLike", "RandomUniformLike")
    weights = ("ConstantOfShape", "RandomNormal", "RandomUniform")
    return (
        _made("Constant", origin=WeightOrigin.LITERAL),
        *(_made(name) for name in names),
        *(_made(name, reads_contents=False) for name in of_shapes),
        *(_made(name, origin=WeightOrigin.CREATED) for name in weights),
        _made("EyeLike", origin=WeightOrigin.CREATED, reads_contents=False),
        _made("OneHot", sees_indices),
    )


def _made(
    name: str,
    links: LinksFacet = sees_nothing,
    *,
    origin: WeightOrigin = WeightOrigin.COMPUTED,
    reads_contents: bool = True,
) -> Operator:
    return Operator(
        name,
        no_cost,
        saves_nothing,
        links,
        differentiable=False,
        origin=origin,
        reads_contents=reads_contents,
    )
