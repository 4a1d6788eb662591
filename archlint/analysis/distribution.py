"""How the numbers of a weight are spread before training: as declared, or as measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import erf, exp, inf, isfinite, log, pi, prod, sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING

from archlint.record import record

if TYPE_CHECKING:
    from archlint.frontends.architecture.initializer import Initializer
    from archlint.sources.statistics import Statistics

NORMAL, UNIFORM, TRUNCATED = "normal", "uniform", "truncated normal"
ORTHOGONAL, CONSTANT, OTHER = "orthogonal", "constant", "other"

_KURTOSIS = {NORMAL: 3.0, ORTHOGONAL: 3.0, UNIFORM: 1.8, TRUNCATED: 2.37, CONSTANT: 1.0}
_TWO_SIDED = 2.0  # a truncated normal is cut at two deviations, unless it says otherwise


@record
class Distribution:
    """The spread of a weight's numbers.

    `error` is the standard error of ln(std): 0 where the spread is declared. `largest` is the
    largest absolute value that was seen, or the bound of a declared distribution. `kurtosis` is
    Pearson's. `initializer` is the declared text, None for what was measured; `stated` is the
    deviation in it where cutting off left less. `numbers` is how many numbers were seen.
    """

    family: str
    mean: float
    std: float
    kurtosis: float = 3.0
    error: float = 0.0
    largest: float = inf
    initializer: str | None = None
    stated: float | None = None
    numbers: int = 0

    @property
    def second_moment(self) -> float:
        """E[w^2]."""
        return self.mean * self.mean + self.std * self.std

    @property
    def is_constant(self) -> bool:
        """Whether all numbers are the same."""
        return self.family == CONSTANT

    def ratio_range(self, expected: float) -> tuple[float, float]:
        """Return ln(std / expected), less and plus four standard errors."""
        middle = log(self.std / expected)
        return middle - 4 * self.error, middle + 4 * self.error

    def is_within(self, expected: float, tolerance: float) -> bool:
        """Whether std may be within a factor of `tolerance` of `expected`."""
        if self.std <= 0:
            return False
        low, high = self.ratio_range(expected)
        return low <= log(tolerance) and high >= -log(tolerance)

    def is_outside(self, expected: float, tolerance: float) -> bool:
        """Whether std is surely not within a factor of `tolerance` of `expected`.

        An equivalence test: at many elements a test of significance would refuse any sigma.
        """
        return self.std > 0 and not self.is_within(expected, tolerance)


def declared(text: str, dims: tuple[int, ...], fans: tuple[int, int]) -> Distribution | None:
    """Return the spread of a declared initializer; None for one that is not drawn.

    `fans` are fan-in and fan-out as the framework counts them.
    """
    from archlint.frontends.architecture.initializer import read

    try:
        initializer = read(text)
    except ValueError:
        return None
    maker = _MAKERS.get(initializer.name)
    return None if maker is None else maker(initializer, dims, fans)


def _scaled(made: Initializer, _: tuple[int, ...], fans: tuple[int, int]) -> Distribution:
    """The deviation follows from the fans; Keras' truncated normal is widened before it is cut."""
    from archlint.frontends.architecture.initializer import scaling
    from archlint.frontends.architecture.spread import TRUNCATION, deviation

    std, text = deviation(made, fans), str(made)
    distribution = (scaling(made) or (0, "", made.name))[2]
    if distribution.endswith("uniform"):
        return Distribution(UNIFORM, 0, std, 1.8, largest=sqrt(3) * std, initializer=text)
    if distribution == "truncated_normal":
        largest = 2 * std / TRUNCATION
        return Distribution(
            TRUNCATED, 0, std, _KURTOSIS[TRUNCATED], largest=largest, initializer=text
        )
    return Distribution(NORMAL, 0, std, initializer=text)


def _normal(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    mean, std = _numbers(made).values()
    return Distribution(NORMAL, mean, std, initializer=str(made))


def _uniform(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    low, high = _numbers(made).values()
    std = (high - low) / sqrt(12)
    largest = max(abs(low), abs(high))
    return Distribution(UNIFORM, (low + high) / 2, std, 1.8, largest=largest, initializer=str(made))


def _truncated(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    """A normal distribution between bounds, of which less than its deviation is left."""
    from archlint.frontends.architecture.spread import cut

    mean, std, *bounds = cut(made.name, _numbers(made))
    if std <= 0:
        return Distribution(CONSTANT, mean, 0, 1, initializer=str(made))
    low, high = ((bound - mean) / std for bound in bounds)
    shift, variance = truncated_moments(low, high)
    family = TRUNCATED if variance < 0.999 else NORMAL
    largest = max(abs(bound) for bound in bounds)
    return Distribution(
        family,
        mean + std * shift,
        std * sqrt(variance),
        _KURTOSIS[family],
        largest=largest,
        initializer=str(made),
        stated=std,
    )


def truncated_moments(low: float, high: float) -> tuple[float, float]:
    """Return mean and variance of a standard normal number between two bounds.

    Johnson, Kotz, Balakrishnan (1994), section 13.10.1; at +-2 the deviation is 0.8796.
    """
    mass = 0.5 * (erf(high / sqrt(2)) - erf(low / sqrt(2)))
    if mass < 1e-12:
        return (low + high) / 2, 0.0
    first = (_density(low) - _density(high)) / mass
    second = 1 + (_edge(low) - _edge(high)) / mass
    return first, max(second - first * first, 0.0)


def _density(x: float) -> float:
    return exp(-0.5 * x * x) / sqrt(2 * pi) if isfinite(x) else 0.0


def _edge(x: float) -> float:
    return x * _density(x) if isfinite(x) else 0.0


def _orthogonal(made: Initializer, dims: tuple[int, ...], fans: tuple[int, int]) -> Distribution:
    """Rows or columns are orthonormal: an entry has the deviation gain / sqrt(longer side)."""
    from archlint.frontends.architecture.initializer import matrices

    longer = max(matrices(dims, fans)[1:]) if dims else 1
    return Distribution(
        ORTHOGONAL, 0, _numbers(made)["gain"] / sqrt(max(longer, 1)), initializer=str(made)
    )


def _constant(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    value = {"zeros": 0.0, "ones": 1.0}.get(made.name)
    if value is None:
        value = _numbers(made)["value"]
    return Distribution(CONSTANT, value, 0, 1, largest=abs(value), initializer=str(made))


def _identity(made: Initializer, dims: tuple[int, ...], _: tuple[int, int]) -> Distribution:
    """Ones where a channel passes, zeros elsewhere."""
    ones, count = min(dims[:2], default=1), max(prod(dims), 1)
    mean = ones / count
    return Distribution(OTHER, mean, sqrt(mean - mean * mean), largest=1, initializer=str(made))


def _forget_gate(made: Initializer, _: tuple[int, ...], __: tuple[int, int]) -> Distribution:
    """Ones in one gate of four, of one bias of two; zeros elsewhere."""
    return Distribution(OTHER, 1 / 8, sqrt(7) / 8, largest=1, initializer=str(made))


_Maker = Callable[["Initializer", tuple[int, ...], tuple[int, int]], Distribution]

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


def measured(found: Statistics) -> Distribution | None:
    """Return the spread of a stored weight; None where its numbers are not finite or not there.

    The standard error of s / sigma is sqrt((kurtosis - 1) / (4 n)); the family is told by the
    kurtosis and by the largest number in deviations.
    """
    if found.mean is None or found.std is None or found.nans or found.infinities:
        return None
    ends = (found.minimum, found.maximum)
    largest = max(abs(end) for end in ends if end is not None)
    if found.std <= 1e-12 * largest or largest == 0 or found.kurtosis is None:
        return Distribution(CONSTANT, found.mean, 0, 1, largest=largest)
    numbers = max(found.sampled, 1)
    error = sqrt(max(found.kurtosis - 1, 0.1) / (4 * numbers))
    family = _family(found.kurtosis, largest / found.std, numbers)
    return Distribution(
        family, found.mean, found.std, found.kurtosis, error, largest, numbers=numbers
    )


def _family(kurtosis: float, reach: float, numbers: int) -> str:
    """Name the family; 0.05 and five standard errors of a normal's kurtosis are allowed."""
    margin = 0.05 + 5 * sqrt(24 / numbers)
    if abs(kurtosis - 1.8) < min(margin, 0.4) and reach < sqrt(3) * 1.15:
        return UNIFORM
    if abs(kurtosis - 2.37) < min(margin, 0.3) and reach < _TWO_SIDED / 0.87963 * 1.05:
        return TRUNCATED
    return NORMAL if abs(kurtosis - 3) < margin else OTHER
