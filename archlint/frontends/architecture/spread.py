"""The standard deviation of the numbers that an initializer draws."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.frontends.architecture.initializer import Initializer, scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUNCATION = 0.87962566103423978
"""The standard deviation of a standard normal truncated at +-2: Keras and JAX divide by it."""

TRUNCATED = frozenset({"trunc_normal", "trunc_normal_tf", "truncated_normal"})
"""Truncated normal distributions whose smaller standard deviation is not corrected."""

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2),
    "selu": 3 / 4,
}


def cut(name: str, number: Mapping[str, float]) -> tuple[float, float, float, float]:
    """Return mean and standard deviation before the truncation, and the bounds.

    torch.nn.init truncates at absolute values, timm's `tf` variant at multiples of the standard
    deviation, Keras at two standard deviations.
    """
    if name == "truncated_normal":
        mean, std = number["mean"], number["stddev"]
        return mean, std, mean - 2 * std, mean + 2 * std
    mean, std, low, high = (number[key] for key in ("mean", "std", "a", "b"))
    if name == "trunc_normal_tf":
        return mean, std, mean + std * low, mean + std * high
    return mean, std, low, high


def deviation(initializer: Initializer, fans: tuple[int, int]) -> float:
    """Return the standard deviation of an initializer that scales with the fans.

    xavier (Glorot, Bengio 2010): gain sqrt(2 / (fan-in + fan-out)); kaiming (He et al. 2015):
    gain / sqrt(fan); variance scaling, in Keras: sqrt(scale / fan), whatever the distribution.
    """
    settings = dict(initializer.settings)
    fan_in, fan_out = fans
    if initializer.name.startswith("xavier"):
        return float(settings["gain"]) * sqrt(2 / (fan_in + fan_out))
    scaled = scaling(initializer)
    if scaled is not None:
        counts = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        return sqrt(max(scaled[0], 0.0) / max(counts[scaled[1]], 1))
    fan = fan_in if settings["mode"] == "fan_in" else fan_out
    return gain(str(settings["nonlinearity"]), float(settings["a"])) / sqrt(fan)


def gain(nonlinearity: str, slope: float) -> float:
    """Return PyTorch's gain of a nonlinearity; `slope` is that of a leaky ReLU."""
    return sqrt(2 / (1 + slope**2)) if nonlinearity == "leaky_relu" else _GAINS[nonlinearity]
