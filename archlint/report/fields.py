"""Receptive fields as JSON documents, and the joins of paths that have different ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlint.analysis.facts import Facts
    from archlint.analysis.receptive_field.extents import Extent
    from archlint.analysis.receptive_field.field import Field
    from archlint.analysis.receptive_field.joins import Join


def fields_document(
    facts: Facts, tensors: Sequence[str], *, all_tensors: bool
) -> list[dict[str, Any]]:
    """Return the fields of the last feature maps, the outputs and `tensors`, or of all tensors."""
    fields = facts.receptive_fields
    names: Iterable[str] = (*fields.maps, *tensors)
    if all_tensors:
        names = [
            name
            for node in facts.graph.nodes
            for name in node.outputs
            if any(fields.depends(name, extent) for extent in fields.extents)
        ]
    return [
        _field(name, extent, fields.of(name, extent))
        for name in dict.fromkeys(names)
        for extent in fields.extents
    ]


def _field(tensor: str, extent: Extent, field: Field) -> dict[str, Any]:
    reach = field.reach if field.is_local else None
    fixed = reach is not None and reach.finite
    return {
        "tensor": tensor,
        "axis": field.axis if field.is_local else None,
        "input": extent.input,
        "input_axis": extent.axis,
        "size": list(field.size) if field.is_local else None,
        "stride": _ratio(reach.stride) if reach and not fixed else None,
        "padding": _number(reach.padding) if reach and not fixed and field.is_placed else None,
        "taps": list(field.taps) if field.taps and field.is_local else None,
        "global": field.kind in {"global", "past", "future"},
        "kind": field.kind,
        "global_at": field.whole,
        "content": _content(field.content),
        "status": field.status,
        "reason": field.unknown,
    }


def _content(content: Field | None) -> dict[str, Any] | None:
    """Return the field of the content to which a gate or an attention applies, if it has a size."""
    if content is None or not content.is_local or not content.moves:
        return None
    reach = content.reach
    fixed = reach is None or reach.finite
    return {
        "axis": content.axis,
        "size": list(content.size),
        "stride": None if reach is None or fixed else _ratio(reach.stride),
        "padding": None if reach is None or fixed else _number(reach.padding),
    }


def join_document(join: Join) -> dict[str, Any]:
    """Return an operator that merges two paths, with the offset between their centres."""
    return {
        "node": join.node,
        "tensor": join.tensor,
        "axis": join.axis,
        "input": join.input,
        "input_axis": join.input_axis,
        "offset": None if join.offset is None else _number(join.offset),
        "stride": _ratio(join.strides[0]),
        "aligned": join.aligned,
        "intended": join.intended,
        "paths": [path.tensor for path in join.paths],
    }


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)
