"""Moments of many numbers in one pass with constant memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PIECE = 8192


class Moments(Struct):
    """Sums of powers of the distance to the mean, over the finite numbers seen so far.

    Blocks are joined with the formulas of Chan, Golub and LeVeque (1979) for the variance and of
    Pebay (2008, SAND2008-6212, equations 2.1 and 3.1) for the third and fourth sums, which lose
    no digits when the mean is far from zero.
    """

    count: int = 0
    mean: float = 0.0
    second: float = 0.0
    third: float = 0.0
    fourth: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    nans: int = 0
    infinities: int = 0
    zeros: int = 0
    positive_infinities: int = 0
    _room: NDArray[np.float64] | None = None

    def add(self, values: NDArray[np.float64]) -> None:
        """Add a block of numbers; the block is overwritten."""
        import numpy as np

        total = float(values.sum())
        if not math.isfinite(total):
            finite = np.isfinite(values)
            nans = int(np.isnan(values).sum())
            self.nans += nans
            self.infinities += int(values.size - finite.sum()) - nans
            self.positive_infinities += int(np.isposinf(values).sum())
            values = values[finite]
            total = float(values.sum())
        if not values.size:
            return
        self.zeros += int(np.count_nonzero(values == 0))
        lowest, highest = float(values.min()), float(values.max())
        self.minimum = min(self.minimum, lowest)
        self.maximum = max(self.maximum, highest)
        mean = total / values.size
        if lowest == highest == mean:  # untrained gains and biases are constant
            self._join(values.size, mean, 0.0, 0.0, 0.0)
            return
        values -= mean
        squares = self._squares(values)
        self._join(
            values.size,
            mean,
            _dot(values, values),
            _dot(squares, values),
            _dot(squares, squares),
        )

    def _squares(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squares in a reused buffer: allocating one per block is slow."""
        import numpy as np

        if self._room is None or self._room.size < values.size:
            self._room = np.empty_like(values)
        return np.multiply(values, values, out=self._room[: values.size])

    def _join(self, count: int, mean: float, second: float, third: float, fourth: float) -> None:
        """Merge the sums of a block about its own mean into the running sums."""
        if not self.count:  # most tensors are one block
            self.count, self.mean = count, mean
            self.second, self.third, self.fourth = second, third, fourth
            return
        ours, theirs, n = self.count, count, self.count + count
        delta = mean - self.mean
        step = delta / n
        step2 = step * step  # a power would raise an error where a product becomes infinite
        self.fourth += (
            fourth
            + delta * step * step2 * ours * theirs * (ours**2 - ours * theirs + theirs**2)
            + 6 * step2 * (ours**2 * second + theirs**2 * self.second)
            + 4 * step * (ours * third - theirs * self.third)
        )
        self.third += (
            third
            + delta * step2 * ours * theirs * (ours - theirs)
            + 3 * step * (ours * second - theirs * self.second)
        )
        self.second += second + delta * step * ours * theirs
        self.mean += step * theirs
        self.count = n


def _dot(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Sum products in chunks too short for BLAS to start threads."""
    if left.size <= _PIECE:
        return float(left @ right)
    return sum(
        float(left[start : start + _PIECE] @ right[start : start + _PIECE])
        for start in range(0, left.size, _PIECE)
    )
