"""What comes out of an activation, whatever goes in."""

from __future__ import annotations

import math
from functools import lru_cache

from archlint.ops.effect import Activates

_UNBOUNDED = 100.0


@lru_cache(maxsize=64)  # networks use few activations
def returns_input(activation: Activates, before: Activates) -> bool:
    """Whether an activation returns all that comes out of another, but not everything else.

    max(x, 0) does behind itself and behind a sigmoid. A bound far away, which guards against
    overflow, returns nearly everything and is not meant here.
    """
    import numpy as np

    numbers = np.concatenate([np.linspace(-8, 8, 257), [-1e4, -100, 100, 1e4]])
    with np.errstate(all="ignore"):
        given = before.function(numbers)
        changes = activation.function(numbers) != numbers
        return bool(changes.any() and (activation.function(given) == given).all())


@lru_cache(maxsize=64)
def bounds(activation: Activates) -> tuple[float, float]:
    """Return the smallest and the largest number that comes out; infinite without a bound."""
    import numpy as np

    numbers = np.concatenate([np.linspace(-16, 16, 4097), [-1e6, -1e4, -100, 100, 1e4, 1e6]])
    with np.errstate(all="ignore"):
        given = activation.function(numbers)
    low, high = float(given.min()), float(given.max())
    return (-math.inf if low <= -_UNBOUNDED else low), (math.inf if high >= _UNBOUNDED else high)


def lies_within(activation: Activates, low: float, high: float) -> bool:
    """Whether a monotonic activation returns numbers from `low` to `high` alone."""
    import numpy as np

    with np.errstate(all="ignore"):
        ends = activation.function(np.array([-100.0, 100.0]))
    return bool((ends >= low).all() and (ends <= high).all())
