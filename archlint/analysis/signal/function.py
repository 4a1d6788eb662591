"""Functions of a standard normal variable that represent signals: lines, or curves on a grid.

Most signals are sums of many products, and so linear: their moments have closed forms.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from math import sqrt
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.signal import gaussian
from archlint.analysis.signal.gaussian import TINY

if TYPE_CHECKING:
    from archlint.analysis.signal.gaussian import Numbers
    from archlint.ops.effect import Function as Activation


class Curve(Struct, frozen=True, eq=False, dict=True):
    """Any function f of a normal variable z, by its values at the nodes of the grid."""

    values: Numbers

    @cached_property
    def mean(self) -> float:
        """E[f(z)]."""
        return gaussian.mean(self.values)

    @cached_property
    def second_moment(self) -> float:
        """E[f(z)^2], q."""
        return gaussian.second_moment(self.values)

    @cached_property
    def kurtosis(self) -> float:
        """E[f(z)^4] / q^2: 3 for a normal number, 1 for one that only has a sign, or is zero."""
        return max(gaussian.second_moment(self._shares_of_square), 1.0)

    @property
    def least(self) -> float:
        """The smallest value."""
        return float(self.values.min())

    def product(self, correlation: float) -> float:
        """Return E[f(z) f(z')] for two normal numbers with the given correlation."""
        return gaussian.product(self._spectrum, correlation)

    def square_coefficient(self, order: int) -> float:
        """Return E[f(z)^2 h(z)] / q with a Hermite polynomial, as of `gaussian.coefficient`."""
        return gaussian.coefficient(self._shares_of_square, order)

    def shifted(self, offset: float) -> Curve:
        """Return f + `offset`."""
        return Curve(self.values + offset)

    def scaled(self, factor: float) -> Curve:
        """Return f times `factor`."""
        return Curve(self.values * factor)

    @property
    def reciprocal(self) -> Curve:
        """1 / f."""
        return Curve(1 / self.values)

    @cached_property
    def _spectrum(self) -> list[float]:
        return gaussian.spectrum(self.values, self.second_moment)

    @cached_property
    def _shares_of_square(self) -> Numbers:
        """f^2 / q: of the order of one, where q itself is too small to be squared."""
        return (self.values / sqrt(max(self.second_moment, TINY))) ** 2


class Multiple(Struct, frozen=True, eq=False, dict=True):
    """A curve times a positive factor; cached properties of the curve serve all its multiples."""

    curve: Curve
    factor: float

    @property
    def values(self) -> Numbers:
        """The values at the nodes of the grid."""
        return self.curve.values * self.factor

    @property
    def mean(self) -> float:
        """E[f(z)]."""
        return self.curve.mean * self.factor

    @property
    def second_moment(self) -> float:
        """E[f(z)^2], q."""
        return self.curve.second_moment * self.factor * self.factor

    @property
    def kurtosis(self) -> float:
        """E[f(z)^4] / q^2."""
        return self.curve.kurtosis

    @property
    def least(self) -> float:
        """The smallest value."""
        return self.curve.least * self.factor

    def product(self, correlation: float) -> float:
        """Return E[f(z) f(z')] for two normal numbers with the given correlation."""
        return self.curve.product(correlation) * self.factor * self.factor

    def square_coefficient(self, order: int) -> float:
        """Return E[f(z)^2 h(z)] / q with a Hermite polynomial."""
        return self.curve.square_coefficient(order)

    def shifted(self, offset: float) -> Curve:
        """Return f + `offset`."""
        return Curve(self.values + offset)

    def scaled(self, factor: float) -> Function:
        """Return f times `factor`."""
        scale = self.factor * factor
        return Multiple(self.curve, scale) if scale > 0 else self.curve.scaled(scale)

    @property
    def reciprocal(self) -> Curve:
        """1 / f."""
        return Curve(1 / self.values)


class Line(Struct, frozen=True, eq=False):
    """The function `mean` + `slope` z: a normal number, or without a slope a constant."""

    mean: float
    slope: float = 0.0

    @property
    def values(self) -> Numbers:
        """The values at the nodes of the grid."""
        return self.mean + self.slope * gaussian.nodes()

    @property
    def second_moment(self) -> float:
        """E[f(z)^2], q."""
        return self.mean * self.mean + self.slope * self.slope

    @property
    def kurtosis(self) -> float:
        """E[f(z)^4] / q^2."""
        still, moving = (part * part for part in self._unit)
        return max(still * still + 6 * still * moving + 3 * moving * moving, 1.0)

    @property
    def least(self) -> float:
        """The smallest value on the grid."""
        return float(self.values.min())

    def product(self, correlation: float) -> float:
        """Return E[f(z) f(z')] for two normal numbers with the given correlation."""
        return self.mean * self.mean + self.slope * self.slope * correlation

    def square_coefficient(self, order: int) -> float:
        """Return E[f(z)^2 h(z)] / q with the first or the second Hermite polynomial."""
        mean, slope = self._unit
        return 2 * mean * slope if order == 1 else sqrt(2) * slope * slope

    def shifted(self, offset: float) -> Line:
        """Return f + `offset`."""
        return Line(self.mean + offset, self.slope)

    def scaled(self, factor: float) -> Line:
        """Return f times `factor`."""
        return Line(self.mean * factor, self.slope * factor)

    @property
    def reciprocal(self) -> Function:
        """1 / f."""
        return Curve(1 / self.values) if self.slope else Line(1 / self.mean)

    @property
    def _unit(self) -> tuple[float, float]:
        """The mean and the slope of f / sqrt(q), of which the squares sum to one."""
        size = sqrt(max(self.second_moment, TINY))
        return self.mean / size, self.slope / size


Function = Line | Curve | Multiple


def applied(activation: Activation, inner: Function) -> Function:
    """Return an activation of a function."""
    if isinstance(inner, Line) and not inner.mean and inner.slope > 0:
        rays = _rays(activation)
        if rays is not None:
            return Multiple(rays, inner.slope)
    return Curve(activation(inner.values))


@lru_cache(maxsize=64)  # networks use few activations
def _rays(activation: Activation) -> Curve | None:
    """Return an activation f where f(a x) = a f(x) for a > 0, as of a leaky ReLU; else None."""
    z = gaussian.nodes()
    values = activation(z)
    scales = (2.0**-30, 2.0**30)  # powers of two round nothing
    return Curve(values) if all((activation(z * a) == values * a).all() for a in scales) else None


def sum_of(first: Function, second: Function) -> Function:
    """Return the sum of two functions of the same number."""
    if isinstance(first, Line) and isinstance(second, Line):
        return Line(first.mean + second.mean, first.slope + second.slope)
    return Curve(first.values + second.values)


def product_of(first: Function, second: Function) -> Function:
    """Return the product of two functions of the same number."""
    for one, other in ((first, second), (second, first)):
        if isinstance(one, Line) and not one.slope:
            return other.scaled(one.mean)
    return Curve(first.values * second.values)
