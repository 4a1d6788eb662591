"""Look-ahead: how far into the future of the input an output reads."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor

from archlint.analysis.receptive_field.field import Field
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.reach import Reach

ENDLESS = float("inf")


def look_ahead(field: Field) -> float | None:
    """Return by how many input elements the field reaches past the position's own time.

    Output j of stride s corresponds to the inputs up to ceil(s (j + 1)) - 1, the last element of
    its own step. Without padding the map is shorter than its input and may as well be aligned at
    the end, so that its last output corresponds to the last input: the smaller look-ahead counts.
    Infinite where everything is read, negative where the newest elements are not read. None where
    it is not known, or where the field does not move along the input's axis.
    """
    if field.unknown is not None:
        return None
    if field.kind in {"global", "future"}:
        return ENDLESS
    reach = field.reach
    if reach is None or reach.finite or reach.stride <= 0:
        return None
    from_start = max(
        taps.high - (ceil(reach.stride * (phase + 1)) - 1)
        for phase, taps in enumerate(reach.offsets)
        if taps
    )
    return min(from_start, _from_end(field, reach, from_start))


def _from_end(field: Field, reach: Reach, otherwise: int) -> int:
    """Return the look-ahead of a map whose last output corresponds to the last input."""
    length = field.shape[field.axis] if field.axis is not None else None
    if field.extent is None or not isinstance(length, int):
        # Without padding before the input, no window is centred.
        return 0 if all(taps.low >= 0 for taps in reach.offsets if taps) else otherwise
    return max(
        (
            reach.at(position).high
            - (field.extent - 1 - floor(reach.stride * (length - 1 - position)))
            for position in range(max(0, length - reach.period), length)
            if reach.at(position)
        ),
        default=otherwise,
    )


def leak(graph: Graph, fields: Mapping[str, Field], tensor: str, allowed: int) -> Node | None:
    """Return the first node on the way to `tensor` that looks further ahead than `allowed`."""
    whole = fields[tensor].whole
    if whole is not None:
        return graph.by_name.get(whole)
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
