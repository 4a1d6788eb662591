"""`--halo`: the overlap between input tiles that gives exactly the same outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.cli.fields.words import everything

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.model import Model


def document(model: Model) -> list[dict[str, Any]]:
    """Return the overlap of tiles for each output and each axis of each input."""
    from archlint.analysis.receptive_field.box import halo

    fields = model.facts.receptive_fields
    entries: list[dict[str, Any]] = []
    for output in model.graph.outputs:
        for extent in fields.extents:
            field = fields.of(output, extent)
            if field.is_independent:
                continue
            found = halo(field)
            entry = {"output": output, "input": extent.input, "input_axis": extent.axis}
            if found is None:
                why = field.unknown or (
                    f"everything is read at {field.whole}"
                    if field.whole
                    else f"its field is {everything(field.kind)}"
                )
                entries.append({**entry, "reason": why})
                continue
            entries.append(
                {
                    **entry,
                    "axis": field.axis,
                    "before": found.before,
                    "after": found.after,
                    "overlap": found.overlap,
                    "input_step": found.inputs,
                    "output_step": found.outputs,
                }
            )
    return entries


def text(entries: list[dict[str, Any]]) -> str:
    """Return a line for each output and each axis of each input."""
    return "".join(f"{_told(entry)}\n" for entry in entries) or "no output reads an extent\n"


def _told(entry: Mapping[str, Any]) -> str:
    of = f"{entry['output']} along axis {entry['input_axis']} of {entry['input']}"
    if "reason" in entry:
        return f"{of}: cannot be tiled, {entry['reason']}"
    return (
        f"{of}: {entry['before']} before and {entry['after']} after each tile, an overlap of "
        f"{entry['overlap']}; tiles start at multiples of {entry['input_step']} "
        f"(of {entry['output_step']} in the output)"
    )
