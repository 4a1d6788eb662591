"""`--plot FILE`: the growth of the receptive field with depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import figure
from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archlint.analysis.receptive_field.extents import Extent
    from archlint.model import Model


def plot(model: Model, path: Path) -> None:
    """Draw the growth of the field up to the last feature map, one line per input axis.

    Raises `CannotRun` where matplotlib is missing, the suffix is not known, there is nothing to
    draw, or the file cannot be written.
    """
    figure.check_name(path)
    lines = {extent: _growth(model, extent) for extent in model.facts.receptive_fields.extents}
    lines = {extent: sizes for extent, sizes in lines.items() if len(sizes) > 1}
    if not lines:
        raise CannotRun(f"{model.path}: no layer has a local receptive field to draw")
    drawing = figure.new_figure()
    axes = drawing.add_subplot()
    for (name, length, sizes), numbers in _alike(lines).items():
        label = f"{name}, {'axis' if len(numbers) == 1 else 'axes'} {' and '.join(numbers)}"
        (line,) = axes.step(range(len(sizes)), sizes, where="post", label=label)
        if length is not None:
            axes.axhline(length, color=line.get_color(), linestyle=":", linewidth=1)
    axes.set_xlabel("layers on the widest path")
    axes.set_ylabel("receptive field (input elements; dotted: the input)")
    axes.set_title(model.path.name)
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.save(drawing, path)


def _alike(
    lines: Mapping[Extent, list[int]],
) -> dict[tuple[str, int | None, tuple[int, ...]], list[str]]:
    """Return the axes by input, length and sizes: those that are alike share a line."""
    groups: dict[tuple[str, int | None, tuple[int, ...]], list[str]] = {}
    for extent, sizes in lines.items():
        key = (extent.input, extent.length, tuple(sizes))
        groups.setdefault(key, []).append(str(extent.axis))
    return groups


def _growth(model: Model, extent: Extent) -> list[int]:
    """Return the size of the field after each layer, up to where everything is read."""
    fields = model.facts.receptive_fields
    maps = [
        name
        for name in fields.maps
        if (fields.of(name, extent).content or fields.of(name, extent)).moves
    ]
    if not maps:
        return []
    sizes = [1]
    for step in fields.path(maps[-1], extent):
        local = step.after.content or step.after
        if not local.is_local:
            break
        sizes.append(local.size[1])
    return sizes
