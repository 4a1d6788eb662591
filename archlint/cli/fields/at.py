"""`--at 'TENSOR[i,j]'`: the region of the input that one element reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.model import Model

_ELEMENT = re.compile(r"(?P<tensor>.+)\[(?P<indices>[-\d,\s]+)\]\s*$")


def document(model: Model, element: str) -> list[dict[str, Any]]:
    """Return the range of each axis of each input that an element reads.

    Raises `CannotRun` for text that names no element of the model.
    """
    from archlint.analysis.receptive_field.box import stretch

    tensor, position = _parsed(model, element)
    fields = model.facts.receptive_fields
    entries: list[dict[str, Any]] = []
    for extent in fields.extents:
        entry = {"element": element, "input": extent.input, "input_axis": extent.axis}
        last = None if extent.length is None else extent.length - 1
        try:
            found = stretch(fields.of(tensor, extent), position)
        except ValueError as reason:
            entries.append({**entry, "reason": str(reason)})
            continue
        if found is None:
            entries.append({**entry, "box": None, "inside": None, "read": 0})
            continue
        inside = [max(found.low, 0), found.high if last is None else min(found.high, last)]
        entries.append(
            {**entry, "box": [found.low, found.high], "inside": inside, "read": found.taps}
        )
    return entries


def text(entries: list[dict[str, Any]]) -> str:
    """Return a line for each axis of each input."""
    return "".join(
        f"{entry['element']} reads axis {entry['input_axis']} of {entry['input']}: {_told(entry)}\n"
        for entry in entries
    )


def _told(entry: Mapping[str, Any]) -> str:
    if "reason" in entry:
        return f"not known, {entry['reason']}"
    if entry["box"] is None:
        return "nothing"
    low, high = entry["box"]
    inside_low, inside_high = entry["inside"]
    told = f"{low} to {high} ({high - low + 1} elements)" if high > low else f"{low} (1 element)"
    if (low, high) != (inside_low, inside_high):
        told += f", of which {inside_low} to {inside_high} are inside"
    within = inside_high - inside_low + 1
    if entry["read"] is not None and entry["read"] < within:
        told += f", {entry['read']} of them read"
    return told


def _parsed(model: Model, element: str) -> tuple[str, dict[int, int]]:
    """Return the tensor and the position by axis."""
    from archlint.errors import CannotRun, did_you_mean

    match = _ELEMENT.match(element)
    if match is None:
        raise CannotRun(f"--at {element!r}: write an element as TENSOR[i,j]")
    tensor = match["tensor"]
    if tensor not in model.graph.values:
        near = did_you_mean(tensor, model.graph.values)
        raise CannotRun(f"{model.path}: no tensor is called {tensor!r}{near}")
    try:
        indices = [int(part) for part in match["indices"].split(",")]
    except ValueError:
        raise CannotRun(f"--at {element!r}: an index is a whole number") from None
    shape = model.graph.values[tensor].shape or ()
    axes = list(range(len(shape)))
    if len(indices) != len(axes):
        axes = _moving_axes(model, tensor)
    if len(indices) != len(axes):
        numbers = " and ".join(str(axis) for axis in axes)
        some = f"an index for axis {numbers}" if len(axes) == 1 else f"indices for axes {numbers}"
        wanted = f"{some}, or one" if axes else "one"
        raise CannotRun(f"--at {element!r}: give {wanted} for each of the {len(shape)} axes")
    return tensor, {
        axis: _in_range(element, index, shape[axis])
        for axis, index in zip(axes, indices, strict=True)
    }


def _moving_axes(model: Model, tensor: str) -> list[int]:
    """Return the axes along which elements of a tensor read different parts of an input."""
    fields = model.facts.receptive_fields
    axes = {
        axis
        for extent in fields.extents
        for branch in fields.of(tensor, extent).branches
        for axis, _ in branch.terms
    }
    return sorted(axes)


def _in_range(element: str, index: int, size: object) -> int:
    from archlint.errors import CannotRun

    if not isinstance(size, int):
        if index < 0:
            raise CannotRun(f"--at {element!r}: {index} counts from an end that is not known")
        return index
    if not -size <= index < size:
        raise CannotRun(f"--at {element!r}: {index} is outside of an axis of {size}")
    return index % size
