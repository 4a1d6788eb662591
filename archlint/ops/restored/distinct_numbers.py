"""Repeated rows in the numbers of a stored tensor.

If an exporter folds a lookup such as `table[index]`, the file has the result instead of the table,
with a row for each index. The distinct rows of the result tell the size of the table: the 169
relative positions of a window of 7 x 7, for instance, are stored as 2,401 rows. Tensors that are
zeros and ones tell nothing.
"""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.sources.tensor_numbers import ReadFirst, UnknownNumbers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np

    from archlint.graph.value import Value

_LARGEST = 512 * 512  # elements of the largest tensor that onnxscript stores after computing it
_FEWEST = 3  # what is not trained yet may be all zeros, or zeros and ones
_CHANCE = 1.01  # of two drawn numbers that happen to be equal
_FORMULA = 1.25  # of equal numbers in a table of sines, whose first row is zeros and ones


class Rows(Struct, frozen=True):
    """The distinct rows of a tensor: their elements altogether, and the length of a row."""

    elements: int
    length: int


class DistinctNumbers(Struct, frozen=True, dict=True):
    """Reads the numbers of stored tensors, and caches their distinct rows."""

    first: ReadFirst = UnknownNumbers().first

    def of(self, tensor: Value, batches: Collection[int] = ()) -> np.ndarray | None:
        """Return the numbers of a tensor, None where there are none or too many.

        A tensor whose first axis was changed to one of the `batches` has the numbers of a single
        sample in the file: these are returned.
        """
        shape = tensor.sizes
        if shape is None or prod(shape) > _LARGEST:
            return None
        is_batch = bool(shape) and shape[0] in batches
        for size in (shape, (1, *shape[1:])) if is_batch else (shape,):
            found = self.first(tensor.name, prod(size))
            if found is not None:
                return found.reshape(size)
        return None

    def rows(self, tensor: Value, batches: Collection[int] = ()) -> Rows | None:
        """Return the distinct rows of a tensor; None where its numbers do not tell."""
        known = self._known
        if tensor.name not in known:
            numbers = self.of(tensor, batches)
            if numbers is None:
                return None
            known[tensor.name] = distinct_rows(numbers)
        return known[tensor.name]

    @cached_property
    def _known(self) -> dict[str, Rows | None]:
        return {}


NO_NUMBERS = DistinctNumbers()
"""What is known where no numbers can be read."""


def distinct_rows(numbers: np.ndarray) -> Rows | None:
    """Return the distinct rows of a tensor; None where it has too few different numbers to tell.

    Rows may lie along any axis, since a looked-up table may have been transposed: the axis with the
    fewest elements in distinct rows counts, the last one of equals.
    """
    import numpy as np

    fewest = len(np.unique(numbers))
    if fewest < _FEWEST:
        return None
    axes = [axis for axis, size in enumerate(numbers.shape) if 1 < size < numbers.size]
    if fewest == numbers.size and axes:
        return Rows(fewest, numbers.shape[axes[-1]])
    found = [_rows(np.moveaxis(numbers, axis, -1)) for axis in reversed(axes)]
    for equal in (_CHANCE, _FORMULA):
        known = [rows for rows in found if rows.elements <= fewest * equal]
        if known:
            return min(known, key=lambda rows: rows.elements)
    return Rows(fewest, 1)


def distinct_of_all(tensors: Sequence[np.ndarray]) -> tuple[int, bool]:
    """Return the number of distinct values in all tensors, and whether no two tensors share one."""
    import numpy as np

    own = [np.unique(numbers) for numbers in tensors]
    together = len(np.unique(np.concatenate(own)))
    return together, together == sum(map(len, own))


def _rows(numbers: np.ndarray) -> Rows:
    import numpy as np

    length = numbers.shape[-1]
    return Rows(len(np.unique(numbers.reshape(-1, length), axis=0)) * length, length)
