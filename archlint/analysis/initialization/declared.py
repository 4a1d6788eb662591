"""The distribution that a declared initializer gives a weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod, sqrt
from types import MappingProxyType

from archlint.analysis.initialization.distribution import (
    CONSTANT,
    KURTOSIS,
    NORMAL,
    ORTHOGONAL,
    OTHER,
    TRUNCATED,
    UNIFORM,
    Distribution,
)
from archlint.analysis.initialization.truncation import truncated_moments
from archlint.frontends.architecture.initializer import Initializer, matrices, read, scaling
from archlint.frontends.architecture.spread import TRUNCATION, cut, deviation


def declared(text: str, dims: tuple[int, ...], fans: tuple[int, int]) -> Distribution | None:
    """Return the spread of a declared initializer; None for one that is not drawn.

    `fans` are fan-in and fan-out as the framework counts them.
    """
    try:
        initializer = read(text)
    except ValueError:
        return None
    maker = _MAKERS.get(initializer.name)
    return None if maker is None else maker(initializer, dims, fans)


def _scaled(made: Initializer, _: tuple[int, ...], fans: tuple[int, int]) -> Distribution:
    """The deviation follows from the fans; Keras' truncated normal is widened before it is cut."""
    std, text = deviation(made, fans), str(made)
    scaled = scaling(made)
    drawn_from = made.name if scaled is None else scaled[2]  # Xavier's and Kaiming's end in it
    if drawn_from.endswith("uniform"):
        largest = sqrt(3) * std
        return Distribution(UNIFORM, 0, std, KURTOSIS[UNIFORM], largest=largest, initializer=text)
    if drawn_from == "truncated_normal":
        largest = 2 * std / TRUNCATION
        return Distribution(
            TRUNCATED, 0, std, KURTOSIS[TRUNCATED], largest=largest, initializer=text
        )
    return Distribution(NORMAL, 0, std, initializer=text)


def _normal(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    mean, std = _numbers(made).values()
    return Distribution(NORMAL, mean, std, initializer=str(made))


def _uniform(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    low, high = _numbers(made).values()
    std = (high - low) / sqrt(12)
    return Distribution(
        UNIFORM,
        (low + high) / 2,
        std,
        KURTOSIS[UNIFORM],
        largest=max(abs(low), abs(high)),
        initializer=str(made),
    )


def _truncated(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    """A normal distribution truncated to bounds, which reduces its standard deviation."""
    mean, std, *bounds = cut(made.name, _numbers(made))
    if std <= 0:
        return Distribution(CONSTANT, mean, 0, KURTOSIS[CONSTANT], initializer=str(made))
    low, high = ((bound - mean) / std for bound in bounds)
    shift, variance = truncated_moments(low, high)
    family = TRUNCATED if variance < 0.999 else NORMAL
    largest = max(abs(bound) for bound in bounds)
    return Distribution(
        family,
        mean + std * shift,
        std * sqrt(variance),
        KURTOSIS[family],
        largest=largest,
        initializer=str(made),
        stated=std,
    )


def _orthogonal(made: Initializer, dims: tuple[int, ...], fans: tuple[int, int]) -> Distribution:
    """Rows or columns are orthonormal: an entry has the deviation gain / sqrt(longer side)."""
    longer = max(matrices(dims, fans)[1:]) if dims else 1
    return Distribution(
        ORTHOGONAL, 0, _numbers(made)["gain"] / sqrt(max(longer, 1)), initializer=str(made)
    )


def _constant(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    value = {"zeros": 0.0, "ones": 1.0}.get(made.name)
    if value is None:
        value = _numbers(made)["value"]
    return Distribution(
        CONSTANT, value, 0, KURTOSIS[CONSTANT], largest=abs(value), initializer=str(made)
    )


def _identity(made: Initializer, dims: tuple[int, ...], _: tuple[int, int]) -> Distribution:
    """Ones where a channel is passed through, zeros elsewhere."""
    ones, count = min(dims[:2], default=1), max(prod(dims), 1)
    mean = ones / count
    return Distribution(OTHER, mean, sqrt(mean - mean * mean), largest=1, initializer=str(made))


def _forget_gate(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    """Ones in one gate of four, of one bias of two; zeros elsewhere."""
    return Distribution(OTHER, 1 / 8, sqrt(7) / 8, largest=1, initializer=str(made))


_Maker = Callable[[Initializer, tuple[int, ...], tuple[int, int]], Distribution]

_MAKERS: Mapping[str, _Maker] = MappingProxyType(
    {
        "constant": _constant,
        "dirac": _identity,
        "eye": _identity,
        "forget_gate": _forget_gate,
        "glorot_normal": _scaled,
        "glorot_uniform": _scaled,
        "he_normal": _scaled,
        "he_uniform": _scaled,
        "kaiming_normal": _scaled,
        "kaiming_uniform": _scaled,
        "lecun_normal": _scaled,
        "lecun_uniform": _scaled,
        "normal": _normal,
        "ones": _constant,
        "orthogonal": _orthogonal,
        "random_normal": _normal,
        "random_uniform": _uniform,
        "trunc_normal": _truncated,
        "trunc_normal_tf": _truncated,
        "truncated_normal": _truncated,
        "uniform": _uniform,
        "variance_scaling": _scaled,
        "xavier_normal": _scaled,
        "xavier_uniform": _scaled,
        "zeros": _constant,
    }
)


def _numbers(made: Initializer) -> dict[str, float]:
    return {name: value for name, value in made.settings if not isinstance(value, str)}
