"""Expectations under the normal distribution, by quadrature on a fine grid."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

TINY = 1e-300
"""Lower bound of second moments in divisions and logarithms."""

_REACH, _STEPS, _ORDERS = 8.0, 800, 24


@cache
def nodes() -> Numbers:
    """Return the points of the grid; zero, where a ReLU bends, is one of them."""
    import numpy as np

    return np.linspace(-_REACH, _REACH, _STEPS + 1)


@cache
def weights() -> Numbers:
    """Return the probability of each point."""
    import numpy as np

    density = np.exp(-0.5 * nodes() ** 2)
    shares: Numbers = density / density.sum()
    return shares


@cache
def distribution() -> Numbers:
    """Return the normal distribution function at the points."""
    import numpy as np

    halves: Numbers = np.cumsum(weights()) - 0.5 * weights()
    return halves


@cache
def _hermite() -> Numbers:
    """Return the first Hermite polynomials, normalized, a row each, times the probabilities."""
    import numpy as np

    z = nodes()
    rows = [np.ones_like(z), z]
    for order in range(1, _ORDERS):
        rows.append((z * rows[order] - order**0.5 * rows[order - 1]) / (order + 1) ** 0.5)
    table: Numbers = np.array(rows) * weights()
    return table


def mean(values: Numbers) -> float:
    """Return E[f(z)]."""
    return float(weights() @ values)


def second_moment(values: Numbers) -> float:
    """Return E[f(z)^2]."""
    return float(weights() @ (values * values))


def coefficient(values: Numbers, order: int) -> float:
    """Return E[f(z) h(z)] with a Hermite polynomial: h_1 = z, h_2 = (z^2 - 1) / sqrt 2."""
    return float(_hermite()[order] @ values)


def spectrum(values: Numbers, square: float) -> list[float]:
    """Return the squares of the Hermite coefficients a_k of a function with E[f^2] = `square`.

    The remainder after the last order is assigned to the next one.
    """
    coefficients = (_hermite() @ values) ** 2
    rest = max(square - float(coefficients.sum()), 0.0)
    return [*coefficients.tolist(), rest]


def product(squares: Iterable[float], correlation: float) -> float:
    """Return E[f(z) f(z')] for two normal numbers with the given correlation.

    It is the sum of a_k^2 rho^k, with the `squares` of a spectrum (Daniely et al. 2016).
    """
    total, power = 0.0, 1.0
    for each in squares:
        total += each * power
        power *= correlation
    return total


def largest(values: Numbers, count: float, correlation: float) -> tuple[float, float]:
    """Return mean and second moment of the largest of `count` f(z_i), equally correlated.

    It is exact where f does not fall: z_i = sqrt(rho) s + sqrt(1 - rho) e_i is then largest where
    e_i is, and the largest of n normal numbers has the distribution function Phi(e)^n.
    """
    import numpy as np

    z = nodes()
    cumulated = np.clip(distribution(), 1e-300, 1) ** count
    density = np.diff(cumulated, prepend=0.0)
    density /= density.sum()
    coarse = slice(None, None, 8)
    common = weights()[coarse] / weights()[coarse].sum()
    reached = np.sqrt(correlation) * z[coarse, None] + np.sqrt(1 - correlation) * z[None, :]
    taken = np.interp(reached, z, values)
    joint = common[:, None] * density[None, :]
    return float((joint * taken).sum()), float((joint * taken * taken).sum())
