"""Recognizes weights that were drawn by a framework's default initializer."""

from __future__ import annotations

from math import isfinite, sqrt

from archlint.analysis.initialization.distribution import OTHER, UNIFORM, Distribution
from archlint.ops.fan import Fan

PYTORCH = "PyTorch's default U(+-1/sqrt(fan-in))"
KERAS = "Glorot's uniform distribution, Keras' default"

_PRECISE = 1.02
_MISSED = 10.0  # shares of 1/n of the bound: what the largest of n uniform numbers stays below it
_BOUND_SLACK = 1 + 1e-5


def framework_default(fan: Fan, found: Distribution) -> str:
    """Return the name of the framework default that `found` matches, or "" for none.

    PyTorch draws from U(+-1/sqrt(fan-in)), kept for compatibility (pytorch#57109); Keras from
    Glorot's uniform distribution. A distribution that an architecture file declares by another name
    than the framework's is not a default.
    """
    if min(fan.framework_fans) < 1:  # a sum over nothing
        return ""
    if found.family not in {UNIFORM, OTHER} or not _is_centred(found):
        return ""
    if _fits(found, 1 / sqrt(fan.framework_fans[0])):
        return PYTORCH
    declared = found.initializer
    is_named = declared is None or declared.startswith("glorot_uniform(")
    return KERAS if is_named and any(_fits(found, bound) for bound in _glorot_bounds(fan)) else ""


def _glorot_bounds(fan: Fan) -> tuple[float, ...]:
    """Return sqrt(6 / (fan-in + fan-out)), as either framework counts the fans."""
    return tuple(sqrt(6 / sum(fans)) for fans in (fan.framework_fans, fan.keras_fans))


def is_untouched(fan: Fan, found: Distribution) -> bool:
    """Whether a weight fills a framework's default so exactly that it cannot be trained.

    The largest of n uniform numbers comes as near to the bound as 1/n, and one step of training
    moves some of them across.
    """
    if not framework_default(fan, found):
        return False
    missed = _MISSED * found.error**2 / 0.2  # the standard error of a uniform number is .447/sqrt n
    bounds = (1 / sqrt(fan.framework_fans[0]), *_glorot_bounds(fan))
    return any(bound * (1 - missed) <= found.largest <= bound * _BOUND_SLACK for bound in bounds)


def _is_centred(found: Distribution) -> bool:
    """Whether the mean is zero, as well as a sample of this size can tell."""
    return abs(found.mean) <= max(10 * found.error, 1e-6) * found.std


def _fits(found: Distribution, bound: float) -> bool:
    """Whether `found` is uniform within a bound: small tensors are judged by the bound alone."""
    if not found.is_within(bound / sqrt(3), _PRECISE) or not isfinite(found.largest):
        return False
    return 0.8 * bound <= found.largest <= bound * _BOUND_SLACK
