"""Numbers that a formula makes, as programs store them: sines, triangles, octaves, even steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_TOLERANCE = 1e-5
_FEWEST_SMOOTH = 12  # numbers of which chance makes no smooth row
_SMOOTH = 0.2  # the largest third difference of a smooth row, in largest steps


def is_sines(rows: np.ndarray) -> bool:
    """Whether two rows are the sines and cosines of position 0 and of the next one."""
    import numpy as np

    at_zero, after = rows
    ones = np.isclose(at_zero, 1, atol=_TOLERANCE)
    zeros = np.isclose(at_zero, 0, atol=_TOLERANCE)
    if ones.sum() != zeros.sum() or not (ones | zeros).all():
        return False
    return bool((np.abs(after) <= 1 + _TOLERANCE).all()) and len(np.unique(after)) > 2


def is_triangle(rows: np.ndarray) -> bool:
    """Whether the entries on one side of the diagonal are zero, and no others."""
    import numpy as np

    kept = np.tri(2, rows.shape[1], dtype=bool)
    is_zero = rows == 0
    return bool((is_zero == kept).all() or (is_zero != kept).all())


def is_doubling(row: np.ndarray) -> bool:
    """Whether a row has the frequencies of an encoding of positions: each is twice the last."""
    import numpy as np

    return bool(row[0] > 0) and bool((row[1:] == 2 * row[:-1]).all()) and bool(np.isfinite(row[-1]))


def is_even(row: np.ndarray) -> bool:
    """Whether numbers differ by equal steps."""
    import numpy as np

    steps = np.diff(row)
    return bool(steps[0]) and bool(np.allclose(steps, steps[0], rtol=1e-3, atol=0))


def is_smooth(row: np.ndarray) -> bool:
    """Whether numbers differ by equal steps or factors, or less and less in higher differences."""
    import numpy as np

    steps = np.diff(row)
    if not np.isfinite(row).all() or not steps.any():
        return False
    if steps.all() and np.allclose(steps[1:] / steps[:-1], steps[1] / steps[0], rtol=1e-3):
        return True
    is_long = len(row) >= _FEWEST_SMOOTH
    return is_long and bool(np.abs(np.diff(steps, 2)).max() < _SMOOTH * np.abs(steps).max())
