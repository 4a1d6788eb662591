"""Recognizing what a framework draws weights from where nobody says anything."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.api import Distribution, Layer

_PRECISE = 1.02


def framework_default(layer: Layer, found: Distribution) -> str:
    """Return the name of the default that `found` is, or "" where somebody chose it.

    PyTorch draws from U(+-1/sqrt(fan-in)), kept for compatibility (pytorch#57109); Keras from
    Glorot's uniform distribution. What an architecture file declares with a name of its own is no
    default.
    """
    if found.family != "uniform" or found.mean * found.mean > 0.01 * found.second_moment:
        return ""
    fan_in, fan_out = layer.fan.framework_fans
    if found.is_within(1 / sqrt(3 * fan_in), _PRECISE):
        return "PyTorch's default U(+-1/sqrt(fan-in))"
    glorot = sqrt(2 / (fan_in + fan_out))
    if found.initializer is None and found.is_within(glorot, _PRECISE):
        return "Glorot's uniform distribution, Keras' default"
    return ""
