"""Look-ahead: how far into the future of its input an output reads."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from archlint.analysis.field import Field
from archlint.graph.graph import Graph
from archlint.graph.node import Node

ENDLESS = float("inf")


def look_ahead(field: Field) -> float | None:
    """Return by how many input elements the field reaches past the position's own time.

    Output j of stride s stands for the inputs up to ceil(s (j + 1)) - 1, the last element of its
    own step. Infinite where everything is read, negative where the newest elements are not.
    None where that is not known, or where nothing moves along the input's axis.
    """
    if field.unknown is not None:
        return None
    if field.kind in {"global", "suffix"}:
        return ENDLESS
    reach = field.reach
    if reach is None or reach.finite or reach.stride <= 0:
        return None
    return max(
        taps.high - (ceil(reach.stride * (phase + 1)) - 1)
        for phase, taps in enumerate(reach.offsets)
        if taps
    )


def leak(graph: Graph, fields: Mapping[str, Field], tensor: str, allowed: int) -> Node | None:
    """Return the first node on the way to `tensor` that looks further ahead than `allowed`."""
    found = None
    while tensor in graph.producers:
        found = graph.producers[tensor]
        before = [
            name
            for name in found.inputs
            if name in fields and _exceeds(look_ahead(fields[name]), allowed)
        ]
        if not before:
            return found
        tensor = before[0]
    return found


def _exceeds(ahead: float | None, allowed: int) -> bool:
    return ahead is not None and ahead > allowed
