"""The padding that would align two branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from archlint.api import Extent, Join, Model, Step

    Pads = tuple[int, int]


def realigning(model: Model, join: Join) -> str:
    """Return the change that aligns the branches of a join.

    One more element of padding before a layer, and one less after it, shifts its receptive field
    back by one input step, and preserves all sizes.
    """
    if join.offset is None:
        return "bring the branches to one stride before they meet"
    early, late = join.extremes
    extent = next(
        each
        for each in model.facts.receptive_fields.extents
        if (each.input, each.axis) == (join.input, join.input_axis)
    )
    shared = {step.node.name for step in model.facts.receptive_fields.path(early.tensor, extent)}
    shared &= {step.node.name for step in model.facts.receptive_fields.path(late.tensor, extent)}
    for tensor, sign in ((late.tensor, 1), (early.tensor, -1)):
        for step, pads, jump in _layers(model, tensor, extent):
            change = join.offset / jump * sign
            if step.node.name in shared or change.denominator != 1:
                continue
            before, after = pads[0] + int(change), pads[1] - int(change)
            if before >= 0 and after >= 0:
                return (
                    f"pad {step.node.name} with {before} before and {after} after, not "
                    f"{pads[0]} and {pads[1]}"
                )
    return (
        "let the branches resample at the same positions: equal kernels and paddings, or a resize "
        "that keeps the centres"
    )


def _layers(model: Model, tensor: str, extent: Extent) -> Iterator[tuple[Step, Pads, Fraction]]:
    """Yield the layers with a known padding on the way to `tensor`, the last first."""
    fields = model.facts.receptive_fields
    padded = {(window.node.name, window.axis): window.sliding.pads for window in fields.windows}
    for step in reversed(fields.path(tensor, extent)):
        reach, axis = step.before.reach, step.before.axis
        if reach is None or axis is None or not reach.stride:
            continue
        pads = padded.get((step.node.name, axis))
        if pads is not None:
            yield step, pads, abs(reach.stride)
