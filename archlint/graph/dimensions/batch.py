"""The batch dimension: which one it is, and how it is given a size.

The batch dimension is axis 0 of the inputs. Where the inputs leave it open, every symbol there
that looks like a batch (`batch`, `batch_size`, `N`, `B`, `bs`, the name that PyTorch generates) is
bound, else the first symbol, and every axis 0 without a name; a symbol is bound wherever it occurs.
Where all inputs have a fixed axis 0, the batch is that of the first input with two axes or more,
and every input with the same size there is re-bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from archlint.graph.value import Shape

_LOOKS_LIKE_BATCH = re.compile(r"n|b|bs|.*batch.*|num_?samples|.*_dynamic_axes_1", re.IGNORECASE)


class Batch(Struct, frozen=True):
    """The decision: symbols that are the batch, unnamed axes that are, and the fixed size."""

    symbols: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    fixed: int | None = None


def find_batch(shapes: Mapping[str, Shape]) -> Batch:
    """Return the batch dimension of inputs of these shapes."""
    leading = {name: shape[0] for name, shape in shapes.items() if shape}
    symbols = list(dict.fromkeys(dim for dim in leading.values() if isinstance(dim, str)))
    unnamed = tuple(name for name, dim in leading.items() if dim is None)
    if symbols or unnamed:
        return Batch(_batch_like(symbols), unnamed)
    return Batch(fixed=_fixed(list(shapes.values())))


def _batch_like(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols that are the batch: those that look like it, else the first."""
    alike = tuple(symbol for symbol in symbols if _LOOKS_LIKE_BATCH.fullmatch(symbol))
    return alike or tuple(symbols[:1])


def _fixed(shapes: Sequence[Shape]) -> int | None:
    """Return the size of axis 0 of the first input that has a batch."""
    for rank in (2, 1):
        for shape in shapes:
            if len(shape) >= rank and isinstance(size := shape[0], int):
                return size
    return None
