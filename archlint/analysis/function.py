"""A function of a normal number, which the numbers of a tensor are: its values, and its moments."""

from __future__ import annotations

from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING

from archlint.analysis import gaussian
from archlint.record import record

if TYPE_CHECKING:
    from archlint.analysis.gaussian import Numbers

_TINY = 1e-300


@record(eq=False, slots=False)
class Function:
    """A function f of a normal number z, by its `values` at the nodes of the grid.

    Its moments are worked out once for all the tensors that are this function of something.
    """

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

    def product(self, correlation: float) -> float:
        """Return E[f(z) f(z')] for two normal numbers with the given correlation."""
        return gaussian.product(self._spectrum, correlation)

    def square_coefficient(self, order: int) -> float:
        """Return E[f(z)^2 h(z)] / q with a Hermite polynomial, as of `gaussian.coefficient`."""
        return gaussian.coefficient(self._shares_of_square, order)

    @cached_property
    def _spectrum(self) -> list[float]:
        return gaussian.spectrum(self.values, self.second_moment)

    @cached_property
    def _shares_of_square(self) -> Numbers:
        """f^2 / q: of the order of one, where q itself is too small to be squared."""
        return (self.values / sqrt(max(self.second_moment, _TINY))) ** 2
