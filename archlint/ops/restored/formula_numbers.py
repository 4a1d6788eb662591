"""Numbers that a formula makes, as programs store them: sines, triangles, octaves, even steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FEWEST = 4  # numbers of which it can be told

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


def begins_a_wave(numbers: np.ndarray | None) -> bool:
    """Whether two numbers are cosines, or sines, of zero."""
    return numbers is not None and numbers[0] == numbers[1] and numbers[0] in {0, 1}


def is_wave(at_zero: np.ndarray, after: np.ndarray) -> bool:
    """Whether rows are the cosines, or the sines, of position 0 and the next one alone.

    The angles grow by equal steps, as in a Fourier transform, or by equal factors, as those of
    rotary embeddings, which may be in the row twice: side by side, or each beside itself.
    """
    import numpy as np

    wave, inverse = (np.cos, np.arccos) if at_zero[0] else (np.sin, np.arcsin)
    if (at_zero != wave(0)).any() or (np.abs(after) > 1).any():
        return False
    half = len(after) // 2
    for row in (after, after[:half], after[::2]):
        twice = (np.resize(row, after.shape), np.repeat(row, 2)[: len(after)])
        if len(row) < FEWEST or not any(np.array_equal(each, after) for each in twice):
            continue
        start, then = inverse(row[:2])
        places = np.arange(len(row))
        angles = [start + (then - start) * places]
        if start:
            angles.append(start * (then / start) ** places)
        if start != then and any(np.allclose(row, wave(each), atol=1e-3) for each in angles):
            return True
    return False


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
