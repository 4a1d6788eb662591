"""A value: a tensor of the graph, with its name, element type, shape and role."""

from __future__ import annotations

import enum
from math import prod
from typing import TypeAlias

from msgspec import Struct

from archlint.graph.dtype import DType

Dim: TypeAlias = int | str | None
"""A dimension: its size, its symbol, or None where nothing is known."""

Shape: TypeAlias = tuple[Dim, ...]


class Role(enum.Enum):
    """Where a tensor comes from."""

    INPUT = "input"  # given by the caller of the model
    STORED = "stored"  # an initializer: its bytes, or their description, are in the file
    COMPUTED = "computed"  # the output of a node

    __hash__ = object.__hash__  # Enum's is slow (written in Python)


class Provenance(enum.Enum):
    """How a shape is known."""

    DECLARED = "declared"  # the file says so
    INFERRED = "inferred"  # derived from the inputs
    BOUND = "bound"  # the target gave the sizes
    UNKNOWN = "unknown"


class Value(Struct, frozen=True):
    """A tensor of the graph; `shape` is None where not even the rank is known."""

    name: str
    dtype: DType | None
    shape: Shape | None
    role: Role
    provenance: Provenance = Provenance.UNKNOWN

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The shape when every dimension is a number, else None."""
        if self.shape is None:
            return None
        for dim in self.shape:
            if not isinstance(dim, int):
                return None
        return self.shape  # type: ignore[return-value]  # each is a number

    @property
    def elements(self) -> int | None:
        """The number of elements, None where a dimension is unknown."""
        sizes = self.sizes
        return None if sizes is None else prod(sizes)

    @property
    def nbytes(self) -> int | None:
        """Bytes of the packed tensor, None where a dimension or the type is unknown."""
        elements = self.elements
        if elements is None or self.dtype is None:
            return None
        return self.dtype.storage(elements)
