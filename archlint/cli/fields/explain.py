"""`--explain TENSOR`: the layers that make up a receptive field, and what each adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.cli.fields.words import everything
from archlint.cli.table import table

if TYPE_CHECKING:
    from archlint.analysis.receptive_field.field import Field
    from archlint.analysis.receptive_field.path import Step
    from archlint.model import Model

_HEAD = ("layer", "operator", "output", "field", "adds", "stride", "padding")


def document(model: Model, tensor: str) -> list[dict[str, Any]]:
    """Return, for each axis of each input, the layers that change the field on its widest path."""
    fields = model.facts.receptive_fields
    return [
        {
            "tensor": tensor,
            "input": extent.input,
            "input_axis": extent.axis,
            "kind": fields.of(tensor, extent).kind,
            "reason": fields.of(tensor, extent).unknown,
            "layers": [_layer(step) for step in fields.path(tensor, extent) if _changes(step)],
        }
        for extent in fields.extents
    ]


def text(entries: list[dict[str, Any]]) -> str:
    """Return a table for each input; axes that are alike share one."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        same = {key: value for key, value in entry.items() if key != "input_axis"}
        alike.setdefault(repr(same), []).append(entry)
    return "\n".join(_table(group) for group in alike.values())


def _table(group: list[dict[str, Any]]) -> str:
    entry = group[0]
    axes = " and ".join(str(each["input_axis"]) for each in group)
    plural = "axis" if len(group) == 1 else "axes"
    title = f"{entry['tensor']} along {plural} {axes} of {entry['input']}"
    if entry["kind"] == "independent":
        return f"{title}: does not depend on it\n"
    reason = f": {entry['reason']}" if entry["reason"] else ""
    rows = [
        (
            layer["node"],
            layer["op"],
            layer["output"],
            layer["field"],
            "" if layer["adds"] is None else f"{layer['adds']:+d}",
            layer["stride"] or "",
            "" if layer["padding"] is None else f"{layer['padding']:g}",
        )
        for layer in entry["layers"]
    ]
    return f"{title}: {everything(entry['kind'])}{reason}\n{table(_HEAD, rows, right={3, 4, 5, 6})}"


def _changes(step: Step) -> bool:
    """Whether a layer changes the field."""
    return (
        step.growth != 0
        or step.before.kind != step.after.kind
        or _stride(step.before) != _stride(step.after)
    )


def _layer(step: Step) -> dict[str, Any]:
    after, reach = step.after, step.after.reach
    regular = after.is_local and reach is not None and not reach.finite
    return {
        "node": step.node.name,
        "op": step.node.op,
        "output": step.tensor,
        "field": _size(after),
        "adds": step.growth,
        "stride": _stride(after),
        "padding": float(reach.padding) if regular and reach is not None else None,
    }


def _size(field: Field) -> str:
    if not field.is_local:
        return everything(field.kind)
    low, high = field.size
    return str(low) if low == high else f"{low}-{high}"


def _stride(field: Field) -> str | None:
    reach = field.reach
    return None if reach is None or reach.finite else str(reach.stride)
