"""Stored causal masks, recognized by their shape and the share of blocked entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archlint.graph.graph import Graph
from archlint.graph.value import Role

if TYPE_CHECKING:
    import numpy as np

    from archlint.sources.statistics import Statistics
    from archlint.sources.tensor_numbers import Describe

_VERY_NEGATIVE = -1e4
_LONGEST = 4096
# In a sampled mask, the fraction of entries on one side of the diagonal is near one half.
_TOLERANCE = 0.03


def stored_masks(graph: Graph, describe: Describe) -> dict[str, np.ndarray]:
    """Return the contents of stored square matrices that are masks: a triangle of one number.

    Reads the numbers of each candidate once. A matrix counts as a mask if the number of deviating
    entries equals the number of entries after the diagonal.
    """
    masks = {}
    for name, length in _candidates(graph):
        numbers = describe(name)
        if numbers is not None:
            mask = _mask(numbers, length)
            if mask is not None:
                masks[name] = mask.reshape(graph.values[name].sizes or mask.shape)
    return masks


def _candidates(graph: Graph) -> Iterator[tuple[str, int]]:
    """Yield the stored tensors of the shape (1, ..., T, T) whose contents are not known."""
    for name, value in graph.values.items():
        if value.role is not Role.STORED or name in graph.constants:
            continue
        sizes = value.sizes or ()
        square = len(sizes) > 1 and sizes[-1] == sizes[-2] and 1 < sizes[-1] <= _LONGEST
        if square and all(size == 1 for size in sizes[:-2]):
            yield name, sizes[-1]


def _mask(numbers: Statistics, length: int) -> np.ndarray | None:
    import numpy as np

    if numbers.exact and numbers.infinities == numbers.sampled > 0:
        return np.full((length, length), np.float32(-np.inf))  # a triangle is cut out of it later
    after = (length - 1) / (2 * length)
    zeros = numbers.zeros / max(numbers.sampled, 1)
    lowest, highest = numbers.minimum, numbers.maximum
    blocks = numbers.infinities > 0 or (lowest is not None and lowest <= _VERY_NEGATIVE)
    close = 1e-9 if numbers.exact else _TOLERANCE
    lower = np.tri(length, dtype=bool)
    if blocks and abs(zeros - (1 - after)) <= close:
        return np.where(lower, 0, np.float32(-np.inf))
    if (lowest, highest) == (0, 1) and abs(zeros - after) <= close:
        return lower
    if (lowest, highest) == (0, 1) and abs(zeros - (1 - after)) <= close:
        return ~lower
    return None
