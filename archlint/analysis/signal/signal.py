"""A signal: the random values of a tensor at initialization, by their moments."""

from __future__ import annotations

from functools import lru_cache
from math import exp, inf, isfinite, log, sqrt
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.signal.function import Function, Line
from archlint.analysis.signal.gaussian import TINY
from archlint.ops.undetermined import Undetermined

if TYPE_CHECKING:
    from archlint.analysis.signal.gaussian import Numbers

_DEVIATIONS = 2.0  # of ln q: 95 % of random initializations


class Signal(Struct, frozen=True, eq=False):
    """The elements of a tensor as a function of one normal number each.

    `root` names the tensor whose elements are those normal numbers, so that x * sigmoid(x) is known
    to be a function of x; `function` is what it is. `agreement` is the correlation of the normal
    numbers of two inputs at the same place, `likeness` that of two distant places of one input.

    `low` and `high` bound ln of the second moment, relative to that of `function`, where it depends
    on structure (pooling, attention). `drift` is the variance of ln of the second moment that has
    accumulated over layers of finite width, and `width` the number of independent values in the
    tensor itself. `fixed` is the number of their moments that a normalization sets: the mean square
    (1), or also the mean (2), so that only their shape is random.
    """

    root: str
    function: Function
    agreement: float = 0.0
    likeness: float = 0.0
    low: float = 0.0
    high: float = 0.0
    drift: float = 0.0
    width: float = inf
    fixed: int = 0
    shares: int | None = None

    @property
    def values(self) -> Numbers:
        """The function at the nodes of the grid."""
        return self.function.values

    @property
    def mean(self) -> float:
        """E[x] over elements."""
        return self.function.mean

    @property
    def second_moment(self) -> float:
        """The mean square E[x^2], q, over elements, inputs and random weights."""
        return self.function.second_moment

    @property
    def product(self) -> float:
        """E[x x'] for the same element of two inputs."""
        return self.function.product(self.agreement)

    @property
    def places_product(self) -> float:
        """E[x y] for the same channel at two distant positions of one input."""
        return self.function.product(self.likeness)

    @property
    def correlation(self) -> float:
        """The cosine of two inputs at this tensor: 1 where the network cannot distinguish them."""
        return min(self.product / max(self.second_moment, TINY), 1.0)

    @property
    def kurtosis(self) -> float:
        """E[x^4] / q^2: 3 for a normal number, 1 for one that only has a sign, or is zero."""
        return self.function.kurtosis

    @property
    def fluctuation(self) -> float:
        """The variance of ln q over random weights, for one input (Hanin and Rolnick 2018).

        The mean of n independent squares varies by (kurtosis - 1) / n: 2 / n for a normal number,
        5 / n behind a ReLU. Behind a normalization it is less by what follows the mean and the
        mean square of the normal numbers, which are the same whatever the weights.
        """
        if self.width == inf or self.second_moment <= TINY:
            return self.drift
        varies = self.kurtosis - 1
        for order in (2, 1)[: self.fixed]:
            varies -= self.function.square_coefficient(order) ** 2
        return self.drift + max(varies, 0) / self.width

    @property
    def band(self) -> tuple[float, float]:
        """The second moment within two deviations of its fluctuation and structural bounds."""
        varies = self.fluctuation
        square = self.second_moment
        # A product of many factors with mean one is log-normal: its median is below its mean.
        low = self.low - 0.5 * varies - _DEVIATIONS * sqrt(varies)
        high = self.high - 0.5 * varies + _DEVIATIONS * sqrt(varies)
        return square * exp(low), square * exp(max(high, self.high))

    @property
    def products(self) -> tuple[float, float]:
        """E[x x'] for two inputs and for two positions."""
        return self.product, self.places_product

    @property
    def is_finite(self) -> bool:
        """Whether the second moment is a number."""
        return isfinite(self.second_moment)

    @property
    def negative(self) -> Signal:
        """The signal times minus one."""
        return replace(self, function=self.function.scaled(-1))

    @property
    def reciprocal(self) -> Signal:
        """One over the signal, which must not come near zero."""
        sizes = abs(self.values)
        if float(sizes.min()) <= 1e-6 * float(sizes.max()):
            raise Undetermined("a division by numbers that may be zero")
        return replace(self, function=self.function.reciprocal)

    def is_always(self, number: float) -> bool:
        """Whether all elements equal this number: most gains are one, and most biases zero."""
        function = self.function
        is_still = isinstance(function, Line) and not function.slope
        return is_still and not self.root and function.mean == number

    def renamed(self, root: str) -> Signal:
        """Return the same signal at other positions, as functions of other normal variables."""
        return replace(self, root=root) if self.root else self

    def independent(self, root: str) -> Signal:
        """Return the same signal where two inputs are independent except for the mean."""
        return replace(self, root=root, agreement=0.0, likeness=0.0) if self.root else self


def normal(  # noqa: PLR0913 - what a signal is made of
    root: str,
    mean: float,
    square: float,
    products: tuple[float, float],
    *,
    low: float = 0.0,
    high: float = 0.0,
    drift: float = 0.0,
    width: float = inf,
    fixed: int = 0,
) -> Signal:
    """Return a normal signal with E[x], E[x^2], and E[x x'] for two inputs and two positions."""
    between = mean * mean
    variance = max(square - between, 0.0)
    agreement = likeness = 0.0
    if variance > TINY:
        agreement = min(max((products[0] - between) / variance, 0.0), 1.0)
        likeness = min(max((products[1] - between) / variance, 0.0), 1.0)
    function = Line(mean, sqrt(variance))
    return Signal(root, function, agreement, likeness, low, high, drift, width, fixed)


@lru_cache
def constant(value: float) -> Signal:
    """Return a constant signal: for most gains one, for most biases zero."""
    return Signal("", Line(value), 1.0, 1.0)


def scaled(signal: Signal, second_moment: float, root: str) -> Signal:
    """Return a signal of the same shape with another second moment."""
    factor = sqrt(second_moment / max(signal.second_moment, TINY))
    return replace(signal, root=root, function=signal.function.scaled(factor))


def log_mixture(parts: list[tuple[float, float]]) -> float:
    """Return ln of the mean of exp(x), with weights: how bounds of a sum follow from its parts."""
    total = sum(weight for weight, _ in parts)
    if total <= 0:
        return 0.0
    return log(max(sum(weight * exp(bound) for weight, bound in parts) / total, TINY))
