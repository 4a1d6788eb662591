"""One call of an operator: its node, with the shapes and constants around it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.dimensions.symbol import symbols
from archlint.graph.dtype import DType
from archlint.ops.undetermined import Undetermined

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.graph.value import Value


class Call(Struct, frozen=True, eq=False):
    """A node in its graph: the argument of every facet.

    Methods raise `Undetermined` where the answer is not known, so that a facet reads like its
    formula and the analysis gets the reason.
    """

    node: Node
    graph: Graph

    def has_input(self, slot: int) -> bool:
        """Whether the optional input `slot` is there."""
        return slot < len(self.node.inputs) and bool(self.node.inputs[slot])

    def present(self, slots: Iterable[int] | None = None) -> tuple[int, ...]:
        """Those of the input `slots`, or of all slots, whose input is there."""
        asked = range(len(self.node.inputs)) if slots is None else slots
        return tuple(slot for slot in asked if self.has_input(slot))

    def has_output(self, slot: int) -> bool:
        """Whether the optional output `slot` is there."""
        return slot < len(self.node.outputs) and bool(self.node.outputs[slot])

    def input(self, slot: int) -> Value:
        """The tensor in input `slot`."""
        if not self.has_input(slot):
            raise Undetermined(f"input {slot} is missing")
        return self.graph.values[self.node.inputs[slot]]

    def output(self, slot: int = 0) -> Value:
        """The tensor in output `slot`."""
        if not self.has_output(slot):
            raise Undetermined(f"output {slot} is missing")
        return self.graph.values[self.node.outputs[slot]]

    def shape(self, slot: int) -> tuple[int, ...]:
        """The sizes of input `slot`."""
        return sizes(self.input(slot))

    def output_shape(self, slot: int = 0) -> tuple[int, ...]:
        """The sizes of output `slot`."""
        return sizes(self.output(slot))

    def rank(self, slot: int) -> int:
        """The number of axes of input `slot`, known even where sizes are not."""
        return rank(self.input(slot))

    def output_rank(self, slot: int = 0) -> int:
        """The number of axes of output `slot`."""
        return rank(self.output(slot))

    def elements(self, slot: int) -> int:
        """The number of elements of input `slot`."""
        return prod(self.shape(slot))

    def output_elements(self, slot: int = 0) -> int:
        """The number of elements of output `slot`."""
        return prod(self.output_shape(slot))

    def constant(self, slot: int) -> np.ndarray | None:
        """The contents of input `slot` where they are known and small, else None."""
        return self.graph.constants.get(self.node.inputs[slot]) if self.has_input(slot) else None

    def known(self, slot: int) -> np.ndarray:
        """The contents of input `slot`; undetermined where they are not known."""
        value = self.constant(slot)
        if value is None:
            raise Undetermined(f"the contents of {self.input(slot).name!r} are not known")
        return value

    def integer(self, name: str, default: int) -> int:
        """The integer attribute `name`."""
        value = self.node.attributes.get(name, default)
        return int(value) if isinstance(value, (int, float)) else default

    def number(self, name: str, default: float) -> float:
        """The float attribute `name`."""
        value = self.node.attributes.get(name, default)
        return float(value) if isinstance(value, (int, float)) else default

    def text(self, name: str, default: str) -> str:
        """The string attribute `name`."""
        value = self.node.attributes.get(name, default)
        return value if isinstance(value, str) else default

    def integers(self, name: str) -> tuple[int, ...] | None:
        """The integer-list attribute `name`, None where it is absent."""
        value = self.node.attributes.get(name)
        return tuple(int(item) for item in value) if isinstance(value, tuple) else None


def sizes(value: Value) -> tuple[int, ...]:
    """Return the sizes of `value`, or say which dimension is not known."""
    known = value.sizes
    if known is not None:
        return known
    if value.shape is None:
        raise Undetermined(f"the shape of {value.name!r} is not known")
    names = {name for dim in value.shape if isinstance(dim, str) for name in symbols(dim)}
    if not names:
        raise Undetermined(f"a dimension of {value.name!r} is not known")
    raise Undetermined(f"dimension {', '.join(sorted(names))} of {value.name!r} is not bound")


def rank(value: Value) -> int:
    """Return the number of axes of `value`."""
    if value.shape is None:
        raise Undetermined(f"the rank of {value.name!r} is not known")
    return len(value.shape)


def nbytes(value: Value) -> int:
    """Return the bytes of a tensor."""
    return prod(sizes(value)) * width(value) // 8


def width(value: Value) -> int:
    """Return the bits of an element of `value`."""
    if value.dtype is None or value.dtype is DType.STRING:
        raise Undetermined(f"the element type of {value.name!r} is not known")
    return value.dtype.bits
