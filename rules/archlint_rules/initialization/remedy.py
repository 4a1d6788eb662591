"""The initializer that a layer should have, in words and as a change to the file."""

from __future__ import annotations

from math import isclose, sqrt
from typing import TYPE_CHECKING

from archlint.api import Edit, Fix, Place

if TYPE_CHECKING:
    from archlint.api import Distribution, Layer, Model


def initializer(layer: Layer, gain: float, nonlinearity: str) -> str:
    """Return the initializer with sigma = gain / sqrt(d), as an architecture file writes it.

    It is Kaiming's where the framework's fan-in is d, which then also holds for another width.
    """
    fan_in = layer.fan.fan_in
    if nonlinearity and isclose(layer.fan.framework_fans[0], fan_in):
        return f"{{kaiming_normal: {{nonlinearity: {nonlinearity}}}}}"
    return f"{{normal: {{std: {gain / sqrt(fan_in):.6g}}}}}"


def gain_advice(layer: Layer, gain: float, nonlinearity: str) -> str:
    """Return what to write for a layer whose sigma should be gain / sqrt(d)."""
    written = initializer(layer, gain, nonlinearity)
    inside = written[1:-1]
    if "archlint.path" in layer.node.metadata:
        return f"write init: {written}"
    if inside.startswith("kaiming_normal"):
        return f"torch.nn.init.kaiming_normal_(weight, nonlinearity='{nonlinearity}')"
    return f"torch.nn.init.normal_(weight, std={gain / sqrt(layer.fan.fan_in):.4g})"


def gain_fix(
    model: Model, layer: Layer, found: Distribution, gain: float, nonlinearity: str
) -> Fix | None:
    """Return the change of a declared initializer to one with sigma = gain / sqrt(d).

    The one that stands beside the layer is replaced; the engine leaves the file alone where the
    initializer comes from somewhere else.
    """
    if found.initializer is None or "archlint.path" not in layer.node.metadata:
        return None
    text = initializer(layer, gain, nonlinearity)
    uses = model.facts.parameters.trainable[layer.weight].uses
    if len(uses) > 1:
        return None  # a shared weight stands between several layers
    place = Place(node=layer.node.name, key="init")
    return Fix(f"draw the weight from {text[1:-1]}", (Edit(place, text),))
