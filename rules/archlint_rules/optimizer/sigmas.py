"""The initial standard deviation of weights, with which optimizer steps are compared."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Layer, Model


def sigmas(model: Model) -> Iterator[tuple[Layer, float]]:
    """Yield the layers with their sigma: sqrt(2 / d) where it is unknown or zero."""
    initialization = model.facts.initialization
    for layer in initialization.layers:
        found = initialization.initial(layer.weight)
        known = 0.0 if found is None else found.std
        yield layer, known if known > 0 else sqrt(2 / layer.fan.fan_in)
