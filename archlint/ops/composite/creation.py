"""Tensors that a model creates at run time, exported as constants and expansions."""

from __future__ import annotations

from archlint.ops.composite.composite import Composite, framework_operator
from archlint.ops.facets import saves_nothing

_TARGETS = (
    "zeros.default",
    "zeros_like.default",
    "ones.default",
    "ones_like.default",
    "full.default",
    "full_like.default",
    "new_zeros.default",
    "new_ones.default",
    "new_full.default",
    "arange.default",
    "arange.start",
    "arange.start_step",
)


def composites() -> tuple[Composite, ...]:
    """Return the one composite of this family: a new tensor, whatever its contents."""
    return (
        Composite(
            framework_operator("Create", saves_nothing, differentiable=False),
            targets=tuple(f"aten.{target}" for target in _TARGETS),
            arguments=(),
        ),
    )
