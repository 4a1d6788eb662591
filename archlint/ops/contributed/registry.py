"""The entries of all contributed operators."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from archlint.ops.autocast import varies
from archlint.ops.contributed import (
    arrangement,
    elementwise,
    normalization,
    position,
    product,
    projecting_attention,
    separate_attention,
    stand_in,
    state,
)
from archlint.ops.operator import Operator

_OPTIMIZED = varies("an operator of onnxruntime stands for several that were trained")


def contributed_operators(standard: Iterable[Operator]) -> tuple[Operator, ...]:
    """Return the contributed operators; some are like one of `standard` on other inputs."""
    by_name = {entry.name: entry for entry in standard if not entry.domain}
    families = (
        arrangement,
        elementwise,
        normalization,
        position,
        product,
        projecting_attention,
        separate_attention,
        state,
    )
    own = (entry for family in families for entry in family.operators())
    every = (*stand_in.operators(by_name), *own)
    return tuple(replace(entry, casting=_OPTIMIZED) for entry in every)
