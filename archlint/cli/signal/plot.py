"""`--signal --plot FILE`: the signal and the gradient along the layers, on a logarithmic scale."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from archlint.cli import figure
from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archlint.model import Model


def plot(model: Model, found: Mapping[str, Any], path: Path) -> None:
    """Draw second moments with their bands, the gradient's, and the correlation of two inputs.

    Raises `CannotRun` where matplotlib is missing, nothing is known, or the file cannot be written.
    """
    figure.check_name(path)
    entries = found["tensors"]
    if not entries:
        raise CannotRun(f"{model.path}: no signal is known: --signal alone says why")
    drawing = figure.new_figure(height=6)
    above, below = drawing.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    places = range(len(entries))
    low, high = ([entry["band"][end] for entry in entries] for end in (0, 1))
    (line,) = above.plot(places, [entry["second_moment"] for entry in entries], label="signal")
    above.fill_between(places, low, high, alpha=0.25, color=line.get_color(), linewidth=0)
    gradients = [nan if each["gradient"] is None else each["gradient"] for each in entries]
    above.plot(places, gradients, linestyle="--", label="gradient")
    for each in found["drift"]:
        nodes = [entry["node"] for entry in entries]
        if each["node"] in nodes:
            place = nodes.index(each["node"])
            above.axvline(place, color="grey", linestyle=":", linewidth=1)
    above.set_yscale("log")
    above.set_ylabel("second moment (band: random weights)")
    above.set_title(model.path.name)
    above.legend()
    below.plot(places, [entry["correlation"] for entry in entries])
    below.set_ylim(-0.05, 1.05)
    below.set_ylabel("correlation")
    below.set_xlabel("layers in the order of the graph (dotted: the scale drifts)")
    figure.save(drawing, path)
