"""Gains: the factors on sigma that preserve a signal's scale behind an activation."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

from archlint.analysis.signal import gaussian
from archlint.ops.effect import Activates

_GLOROT = sqrt(0.5)  # where fan-out is three times fan-in, as in packed projections


def gain(activation: Activates) -> float:
    """Return g = 1 / sqrt(E[f(z)^2]): sigma = g / sqrt(d) keeps a second moment of one."""
    return 1 / sqrt(gaussian.second_moment(activation.function(gaussian.nodes())))


@lru_cache(maxsize=64)  # networks use few activations
def accepted_gains(activation: Activates) -> tuple[float, float]:
    """Return the smallest and the largest gain in common use for an activation.

    Only the ReLU family has one correct gain for every scale. For other functions a second moment
    of one is one of many fixed points, and gains of one or less (LeCun, Glorot) work where f is
    steep at zero.
    """
    kept = gain(activation)
    spread = _deviation_gain(activation)
    gains = [kept, spread, *activation.published]
    if leak(activation) is None:
        gains.append(_GLOROT)
    return min(gains), max(gains)


def _deviation_gain(activation: Activates) -> float:
    """Return 1 / std(f(z)), which networks without normalization use (Brock et al. 2021)."""
    values = activation.function(gaussian.nodes())
    mean = gaussian.mean(values)
    return 1 / sqrt(max(gaussian.second_moment(values) - mean * mean, 1e-12))


def leak(activation: Activates) -> float | None:
    """Return the slope below zero of a leaky ReLU, 0 for a ReLU; None for another function.

    Such a function is linear on either side of zero, so its gain does not depend on the scale. A
    cut-off far above zero, as in ReLU6, is ignored.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        values = activation.function(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    below, above = -float(values[1]), float(values[3])
    is_line = np.allclose([values[0], values[2], values[4]], [2 * values[1], 0, 2 * values[3]])
    return below / above if is_line and above == 1 else None
