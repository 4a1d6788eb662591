"""The distribution of a weight before training, declared or measured."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, log
from types import MappingProxyType

from msgspec import Struct

NORMAL, UNIFORM, TRUNCATED = "normal", "uniform", "truncated normal"
ORTHOGONAL, CONSTANT, OTHER = "orthogonal", "constant", "other"

KURTOSIS: Mapping[str, float] = MappingProxyType(
    {NORMAL: 3.0, ORTHOGONAL: 3.0, UNIFORM: 1.8, TRUNCATED: 2.37, CONSTANT: 1.0}
)
"""Pearson's kurtosis of each family; a normal number is truncated at two deviations."""


class Distribution(Struct, frozen=True):
    """The distribution of the numbers in a weight.

    `error` is the standard error of ln(std); 0 where the distribution is declared. `largest` is the
    largest absolute value that was seen, or the bound of a declared distribution. `kurtosis` is
    Pearson's. `initializer` is the declared initializer, None for measured numbers; `stated` is the
    deviation that it states, where truncation made the true one smaller. `numbers` is how many
    numbers were measured.
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
        """Whether std is consistent with being within a factor of `tolerance` of `expected`."""
        if self.std <= 0:
            return False
        low, high = self.ratio_range(expected)
        return low <= log(tolerance) and high >= -log(tolerance)

    def is_outside(self, expected: float, tolerance: float) -> bool:
        """Whether std is certainly not within a factor of `tolerance` of `expected`.

        An equivalence test: with many elements, a test of significance would reject any sigma.
        """
        return self.std > 0 and not self.is_within(expected, tolerance)
