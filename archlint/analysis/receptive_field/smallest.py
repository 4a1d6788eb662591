"""The smallest field over all paths to a tensor: the part that its readers certainly widen."""

from __future__ import annotations

from collections.abc import Mapping

from archlint.analysis.receptive_field.field import Field
from archlint.analysis.receptive_field.readings import Readings


def smallest_sizes(readings: Readings, fields: Mapping[str, Field]) -> dict[str, int]:
    """Return the size of the field along the narrowest path to each feature map.

    A shortcut keeps it small: a layer still combines new neighbouring information as long as the
    narrowest path to it does not see the whole input (Richter et al. 2021).
    """
    made = [output for reading in readings for output in reading.outputs]
    read = {name: fields[name] for name in (*readings.graph.inputs, *made) if name in fields}
    # Tensors of one width share their field where operators leave it as it is.
    distinct = {id(field): field for field in read.values()}
    known = {key: _width(field) for key, field in distinct.items()}
    widths = {name: width for name, field in read.items() if (width := known[id(field)])}
    sizes = {name: widths[name] for name in readings.graph.inputs if name in widths}
    for reading in readings:
        for output in reading.outputs:
            before = [name for name in reading.sources if name in sizes]
            if not before or output not in widths:
                continue
            growth = widths[output] - max([widths[name] for name in before])
            narrowest = min([sizes[name] for name in before])
            sizes[output] = narrowest + growth if growth > 0 else narrowest
    readings.spread(sizes)
    return sizes


def _width(field: Field) -> int:
    """Return the size of a map's field without gates; 0 where it is not a map or not local."""
    local = field.content or field
    return local.size[1] if local.moves and local.is_local else 0
