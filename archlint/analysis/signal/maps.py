"""How each kind of operator transforms its input signals."""

from __future__ import annotations

from math import log, sqrt
from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.analysis.initialization.distribution import Distribution
from archlint.analysis.signal import gaussian
from archlint.analysis.signal.function import applied, product_of, sum_of
from archlint.analysis.signal.gaussian import TINY
from archlint.analysis.signal.signal import Signal, constant, log_mixture, normal, scaled
from archlint.ops.effect import Activates, Normalizes, Over, Pooling, Pools, Sums

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from archlint.graph.value import Shape

_MASK = 1e4  # larger constants are masks, which exclude elements
_OPEN = 1.5  # ln: how much smaller a table of positions may be than random numbers
_LOCAL = 0.3  # ln: the largest reduction by local response normalization, with usual settings
_ALIKE = 0.7  # the smallest correlation of positions with overlapping windows


def drawn(name: str, found: Distribution, shape: Shape) -> Signal:
    """Return a stored tensor as it is drawn: all inputs see the same numbers.

    A table with an axis of positions besides that of the channels varies with the position.
    """
    if found.std == 0:
        return constant(found.mean)
    square, between = found.second_moment, found.mean * found.mean
    alike = between if _has_places(shape) else square
    return normal(name, found.mean, square, (square, alike))


def constant_array(name: str, contents: NDArray[np.floating]) -> Signal | None:
    """Return a tensor of known numbers; None for a mask or for what is not finite."""
    numbers = contents.reshape(-1).astype(float)
    if not numbers.size or not abs(numbers).max() < _MASK:
        return None
    if (numbers == numbers[0]).all():
        return constant(float(numbers[0]))
    mean, square = float(numbers.mean()), float((numbers * numbers).mean())
    alike = mean * mean if _has_places(contents.shape) else square
    return normal(name, mean, square, (square, alike))


def _has_places(shape: Shape) -> bool:
    return sum(dim != 1 for dim in shape) > 1


def activated(source: Signal, effect: Activates) -> Signal:
    """Apply a function to each element."""
    return replace(source, function=applied(effect.function, source.function))


def bounded(table: Signal) -> Signal:
    """Return the signal of a bounded function of constants, whose moments have only bounds."""
    if not table.root or table.second_moment <= TINY:
        return table
    largest = float((table.values * table.values).max())
    return replace(table, low=-_OPEN, high=max(log(largest / table.second_moment), 0.0))


def added(name: str, first: Signal, second: Signal) -> Signal:
    """Add two signals: functions of the same number, or independent ones."""
    if first.root and second.is_always(0):
        return first
    joined_root = _common_root(first, second)
    if joined_root is not None:
        low, high = min(first.low, second.low), max(first.high, second.high)
        if not first.root or not second.root:
            low, high = (first.low, first.high) if first.root else (second.low, second.high)
        bounded = first if first.root else second
        function = sum_of(first.function, second.function)
        return replace(bounded, function=function, low=low, high=high)
    means = first.mean * second.mean
    squares = (first.second_moment, second.second_moment)
    share = squares[0] / max(sum(squares), TINY)
    drift = share * sqrt(first.drift) + (1 - share) * sqrt(second.drift)
    return normal(
        name,
        first.mean + second.mean,
        sum(squares) + 2 * means,
        _pairwise(lambda a, b: a + b + 2 * means, first, second),
        low=log_mixture([(squares[0], first.low), (squares[1], second.low)]),
        high=log_mixture([(squares[0], first.high), (squares[1], second.high)]),
        drift=drift * drift,
        width=min(first.width, second.width),
    )


def multiplied(name: str, first: Signal, second: Signal) -> Signal:
    """Multiply two signals: functions of the same number, or independent ones."""
    if first.root and second.is_always(1):
        return first
    if _common_root(first, second) is not None:
        bounded = first if first.root else second
        return replace(bounded, function=product_of(first.function, second.function))
    return normal(
        name,
        first.mean * second.mean,
        first.second_moment * second.second_moment,
        _pairwise(lambda a, b: a * b, first, second),
        low=first.low + second.low,
        high=first.high + second.high,
        drift=first.fluctuation + second.fluctuation,
    )


def _pairwise(
    join: Callable[[float, float], float], first: Signal, second: Signal
) -> tuple[float, float]:
    return (
        join(first.product, second.product),
        join(first.places_product, second.places_product),
    )


def _common_root(first: Signal, second: Signal) -> str | None:
    """Return the root of which both are functions; a constant is a function of any root."""
    if not second.root or first.root == second.root:
        return first.root
    return second.root if not first.root else None


def joined(name: str, parts: list[Signal], sizes: list[float]) -> Signal:
    """Concatenate signals: their moments are averaged."""
    total = sum(sizes)
    shares = [size / total for size in sizes]

    def average(numbers: list[float]) -> float:
        return sum(share * number for share, number in zip(shares, numbers, strict=True))

    squares = [part.second_moment for part in parts]
    moment = average(squares)
    weights = [share * square for share, square in zip(shares, squares, strict=True)]
    widest = parts[max(range(len(parts)), key=weights.__getitem__)]
    if all(part.function.least >= 0 for part in parts):
        made = scaled(widest, moment, name)
    else:
        products = (
            average([part.product for part in parts]),
            average([part.places_product for part in parts]),
        )
        made = normal(name, average([part.mean for part in parts]), moment, products)
    drift = sum(w * sqrt(p.fluctuation) for w, p in zip(weights, parts, strict=True)) / max(
        moment, TINY
    )
    return replace(
        made,
        low=log_mixture([(w, part.low) for w, part in zip(weights, parts, strict=True)]),
        high=log_mixture([(w, part.high) for w, part in zip(weights, parts, strict=True)]),
        drift=drift * drift,
        width=float("inf"),
    )


def pooled(name: str, source: Signal, effect: Pools) -> Signal:
    """Pool neighbours, whose correlation is unknown.

    Neighbours with disjoint inputs are as correlated as two samples; neighbours with almost equal
    inputs are one number. Both bounds are part of the band.
    """
    if effect.pooling is Pooling.LARGEST:
        return _largest(name, source, effect.count)
    square = source.second_moment
    alike = min(source.places_product, square)
    if square <= TINY:
        return source.renamed(name)
    least = (alike + (square - alike) / effect.count) * effect.fill
    if source.fixed > 1:
        least /= 2  # the mean over all samples is zero: with few of them, theirs are opposite
    gain = effect.count if effect.pooling is Pooling.TOTAL else 1
    factor = gain * gain
    middle = sqrt(least * square)
    products = (min(source.product, middle) * factor, min(alike, middle) * factor)
    half = 0.5 * log(square / least)
    return normal(
        name,
        source.mean * gain,
        middle * factor,
        products,
        low=source.low - half,
        high=source.high + half,
        drift=source.drift,
        width=source.width,
    )


def _largest(name: str, source: Signal, count: int) -> Signal:
    """Take the maximum of neighbours that are correlated like distant positions, or equal."""
    square = source.second_moment
    if square <= TINY or count <= 1:
        return source.renamed(name)
    _, most = gaussian.largest(source.values, count, source.likeness)
    low, high = sorted((square, most))
    middle = sqrt(low * high)
    made = scaled(source, middle, name)
    half = 0.5 * log(high / low)
    return replace(made, low=source.low - half, high=source.high + half)


def normalized(name: str, source: Signal, effect: Normalizes) -> Signal:
    """Divide by the scale, after subtracting the mean if the normalization does."""
    square, mean = source.second_moment, source.mean
    if not effect.resets_scale:
        return replace(source, low=source.low - _LOCAL, high=source.high)
    if not effect.centred:
        left = square / (square + effect.epsilon) if square > TINY else 1.0
        made = scaled(source, left, source.root) if square > TINY else source
        return replace(made, low=0, high=0, drift=0, fixed=1)
    # A channel's own mean over inputs or places has the second moment E[x x'].
    offset = mean * mean if effect.over is Over.FEATURES else min(source.places_product, square)
    variance = max(square - offset, 0)
    if variance <= 1e-12 * max(square, TINY):
        alike = 1.0 if effect.over is Over.FEATURES else 0.0
        return normal(name, 0, 1, (alike, alike))
    if effect.over is Over.FEATURES:
        function = source.function.shifted(-mean).scaled(1 / sqrt(variance + effect.epsilon))
        width = source.width
        return Signal(name, function, source.agreement, source.likeness, width=width, fixed=2)
    left = variance / (variance + effect.epsilon)
    return normal(name, 0, left, (0, 0), width=source.width, fixed=2)


def dropped(name: str, source: Signal, share: float) -> Signal:
    """Set a fraction p of the elements to zero, and divide the others by 1 - p."""
    if share >= 1:
        return constant(0.0)
    kept = normal("", 1.0, 1 / (1 - share), (1.0, 1.0))
    made = multiplied(name, source, replace(kept, root=f"{name}#kept"))
    return replace(made, drift=source.drift, width=source.width, shares=source.shares)


def summed(  # noqa: PLR0913, PLR0917 - the parts of a formula
    name: str,
    data: Signal,
    factor: Signal,
    offset: Signal | None,
    effect: Sums,
    units: tuple[float, float],
) -> Signal:
    """Sum d products with random weights: q = d E[w^2] q, plus the effect of the weights' mean."""
    products = effect.fan.fan_in * effect.fill
    scale = effect.scale * effect.scale
    pairs = max(products * (products - 1), 0) * (factor.mean * data.mean) ** 2
    moment = scale * (products * factor.second_moment * data.second_moment + pairs)
    stored = factor.agreement == 1.0
    products_of_weight = (factor.second_moment,) * 2 if stored else factor.products
    both = tuple(
        scale * (products * weight * input_product + pairs)
        for weight, input_product in zip(products_of_weight, data.products, strict=True)
    )
    mean = effect.scale * products * factor.mean * data.mean
    drift = data.fluctuation if stored else data.fluctuation + factor.fluctuation
    low, high = data.low, data.high
    made = normal(name, mean, moment, (both[0], both[1]), low=low, high=high, drift=drift)
    made = replace(made, width=_width(made, data, effect, units))
    return made if offset is None else added(name, made, offset)


def _width(made: Signal, data: Signal, effect: Sums, units: tuple[float, float]) -> float:
    """Return the number of independent values among the channels at all positions.

    Positions with common inputs are correlated, for which only a lower bound is known. Where each
    channel depends on a single one, as in a depthwise convolution, differences in the power of
    channels persist and multiply: few of them carry most of it.
    """
    channels, places = units
    width = channels * places / (1 + (places - 1) * max(made.likeness, _ALIKE) ** 2)
    if effect.fan.channels > 1:
        return width
    uneven = 1 + (data.kurtosis - 1) * data.likeness**2
    return width * 2 / (3 * uneven - 1)
