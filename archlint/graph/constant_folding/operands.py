"""The known operands of a call that is folded."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from archlint.graph.node import Node

LARGEST = 1024
"""Largest number of elements of a folded tensor; shape operands are far smaller."""

Folder: TypeAlias = "Callable[[Operands], np.ndarray | tuple[np.ndarray, ...]]"


class CannotFold(ValueError):
    """Raised where an operand is missing or a result would be too large."""


class Operands(Struct, frozen=True):
    """A call and the contents of its inputs, None for an optional one that is absent."""

    node: Node
    arrays: tuple[np.ndarray | None, ...]
    opset: int

    def __getitem__(self, slot: int) -> np.ndarray:
        """The contents of input `slot`."""
        array = self.get(slot)
        if array is None:
            raise CannotFold(f"input {slot} is missing")
        return array

    def get(self, slot: int) -> np.ndarray | None:
        """The contents of the optional input `slot`."""
        return self.arrays[slot] if slot < len(self.arrays) else None

    def present(self) -> list[np.ndarray]:
        """The contents of all inputs that are there."""
        return [array for array in self.arrays if array is not None]

    def integer(self, name: str, default: int) -> int:
        """The integer attribute `name`."""
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise CannotFold(f"attribute {name!r} is not an integer")
        return value

    def integers(self, slot: int | None, name: str) -> tuple[int, ...] | None:
        """The integers that older operators take as attribute `name`, newer ones as an input."""
        array = None if slot is None else self.get(slot)
        if array is not None:
            return tuple(int(number) for number in array.reshape(-1))
        value = self.node.attributes.get(name)
        return tuple(int(number) for number in value) if isinstance(value, tuple) else None


def dims(array: np.ndarray) -> tuple[int, ...]:
    """Return a shape operand as sizes, of a tensor small enough to fold."""
    sizes = tuple(int(size) for size in array.reshape(-1))
    if min(sizes, default=0) < 0 or prod(sizes) > LARGEST:
        raise CannotFold("the result is too large")
    return sizes
