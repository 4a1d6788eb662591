"""What is known about a call whose output shapes are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from archlint.graph.dtype import DType
from archlint.graph.value import Dim, Shape, Value

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.node import Node


class Made(Struct, frozen=True):
    """The shape and the element type of one output; None for what is not known."""

    shape: Shape | None
    dtype: DType | None = None


Outputs: TypeAlias = tuple[Made, ...]
"""The outputs of a node in order; trailing unknown ones are omitted."""


class Given(Struct, frozen=True):
    """A node with its input tensors. Absent slots are unknown."""

    node: Node
    values: Mapping[str, Value]
    constants: Mapping[str, np.ndarray]

    def has(self, slot: int) -> bool:
        """Whether the optional input `slot` is there."""
        return slot < len(self.node.inputs) and bool(self.node.inputs[slot])

    def shape(self, slot: int) -> Shape | None:
        """The shape of an input."""
        return self.values[self.node.inputs[slot]].shape if self.has(slot) else None

    def of_rank(self, slot: int, rank: int) -> Shape | None:
        """The shape of an input, where it has that many axes."""
        shape = self.shape(slot)
        return shape if shape is not None and len(shape) == rank else None

    def dim(self, slot: int, axis: int) -> Dim:
        """One dimension of an input."""
        shape = self.shape(slot)
        if shape is None or not -len(shape) <= axis < len(shape):
            return None
        return shape[axis]

    def dtype(self, *slots: int) -> DType | None:
        """The element type of the first of these inputs that is there."""
        for slot in slots:
            if self.has(slot):
                return self.values[self.node.inputs[slot]].dtype
        return None

    def integer(self, name: str, default: int | None = None) -> int | None:
        """An integer attribute."""
        value = self.node.attributes.get(name)
        return value if isinstance(value, int) else default

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of integers."""
        value = self.node.attributes.get(name)
        if not isinstance(value, tuple):
            return None
        return tuple([item for item in value if isinstance(item, int)])

    def numbers(self, slot: int) -> list[int] | None:
        """The contents of an input that is a known list of integers."""
        array = self.constants.get(self.node.inputs[slot]) if self.has(slot) else None
        return None if array is None else [int(item) for item in array.reshape(-1)]


Rule: TypeAlias = Callable[[Given], Outputs]
"""A shape rule: the outputs that an operator's definition gives."""


def product(*dims: Dim) -> int | None:
    """Return the product of dimensions, None where one is not known."""
    known = [dim for dim in dims if isinstance(dim, int)]
    return prod(known) if len(known) == len(dims) else None


def quotient(dim: Dim, parts: int | None) -> int | None:
    """Return the quotient of a dimension, None where it is not known."""
    return dim // parts if isinstance(dim, int) and parts and parts > 0 else None


def total(*dims: Dim) -> int | None:
    """Return the sum of dimensions, None where one is not known."""
    known = [dim for dim in dims if isinstance(dim, int)]
    return sum(known) if len(known) == len(dims) else None
