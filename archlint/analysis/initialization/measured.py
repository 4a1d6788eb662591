"""The distribution of a stored weight, measured from its numbers."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.analysis.initialization.distribution import (
    CONSTANT,
    KURTOSIS,
    NORMAL,
    OTHER,
    TRUNCATED,
    UNIFORM,
    Distribution,
)
from archlint.analysis.initialization.truncation import truncated_moments

if TYPE_CHECKING:
    from archlint.sources.statistics import Statistics

_UNIFORM_BOUND = sqrt(3)  # in deviations
_TRUNCATED_BOUND = 2 / sqrt(truncated_moments(-2, 2)[1])


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
        return Distribution(CONSTANT, found.mean, 0, KURTOSIS[CONSTANT], largest=largest)
    numbers = max(found.sampled, 1)
    error = sqrt(max(found.kurtosis - 1, 0.1) / (4 * numbers))
    family = _family(found.kurtosis, largest / found.std, numbers)
    return Distribution(
        family, found.mean, found.std, found.kurtosis, error, largest, numbers=numbers
    )


def _family(kurtosis: float, reach: float, numbers: int) -> str:
    """Name the family; 0.05 and five standard errors of a normal's kurtosis are allowed.

    `reach` is the largest number in deviations: a bounded family has none far beyond its bound.
    """
    margin = 0.05 + 5 * sqrt(24 / numbers)
    is_uniform = abs(kurtosis - KURTOSIS[UNIFORM]) < min(margin, 0.4)
    if is_uniform and reach < _UNIFORM_BOUND * 1.15:
        return UNIFORM
    is_truncated = abs(kurtosis - KURTOSIS[TRUNCATED]) < min(margin, 0.3)
    if is_truncated and reach < _TRUNCATED_BOUND * 1.05:
        return TRUNCATED
    return NORMAL if abs(kurtosis - KURTOSIS[NORMAL]) < margin else OTHER
