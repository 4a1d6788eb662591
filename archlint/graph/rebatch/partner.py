"""Derives the batch axis of one operand from that of another.

A mask that was folded for two samples is incompatible with a batch of five: where an operator
takes both, the mask has a batch axis, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from archlint.graph.constant_folding.arithmetic import ARITHMETIC

if TYPE_CHECKING:
    from onnx import NodeProto


class Call(Struct, frozen=True):
    """A call and the sizes of its operands with the old `batch`, None where they are not known."""

    proto: NodeProto
    sizes: Sequence[Sequence[int] | None]
    batch: int

    def rank(self, slot: int) -> int:
        """The number of axes of an operand."""
        return len(self.sizes[slot] or ())

    def integer(self, name: str) -> int:
        """An integer attribute whose default is 0."""
        return next((each.i for each in self.proto.attribute if each.name == name), 0)

    def partner(self, slot: int, axis: int, other: int) -> int | None:
        """Return the axis of operand `other` that grows where `axis` of operand `slot` does.

        None where the operator does not imply one. A broadcast axis of size 1 may stay.
        """
        place = self._place(slot, axis, other)
        return None if place is None or self._is_repeated(slot, axis, other, place) else place

    def repeated(self, slot: int, axis: int, other: int) -> int | None:
        """Return the axis of size 1 of operand `other` that is broadcast to that of `slot`."""
        place = self._place(slot, axis, other)
        return place if place is not None and self._is_repeated(slot, axis, other, place) else None

    def sums(self, slot: int, axis: int) -> bool:
        """Whether an axis of an operand is summed over, so that it is not in the output."""
        if self.proto.op_type != "MatMul" or not self.is_standard:
            return False
        return axis == (max(self.rank(1) - 2, 0) if slot else self.rank(0) - 1)

    def _place(self, slot: int, axis: int, other: int) -> int | None:
        rule = _PARTNERS.get(self.proto.op_type) if self.is_standard else None
        theirs = self.sizes[other]
        if rule is None or slot == other or theirs is None:
            return None
        place = rule(self, slot, axis, other)
        if place is None or not 0 <= place < len(theirs) or theirs[place] % self.batch:
            return None
        return place

    def _is_repeated(self, slot: int, axis: int, other: int, place: int) -> bool:
        """Whether an axis of `other` has size 1 and is broadcast to the growing axis of `slot`."""
        if (self.sizes[other] or ())[place] != 1:
            return False
        if self.proto.op_type == "MatMul":
            return axis < self.rank(slot) - 2 and place < self.rank(other) - 2
        return self.proto.op_type in _BROADCASTING

    def first(self, slot: int, size: int, end: int | None = None) -> int | None:
        """Return the first axis of an operand that has a size, of those before `end`."""
        sizes = list(self.sizes[slot] or ())[:end]
        return sizes.index(size) if size in sizes else None

    @property
    def is_standard(self) -> bool:
        """Whether the operator is one of onnx itself."""
        return self.proto.domain in {"", "ai.onnx"}


Rule: TypeAlias = "Callable[[Call, int, int, int], int | None]"


def _broadcast(call: Call, slot: int, axis: int, other: int) -> int | None:
    return axis + call.rank(other) - call.rank(slot)


def _product(call: Call, slot: int, axis: int, other: int) -> int | None:
    """The contracted axes correspond, and the axes before the last two."""
    own, theirs = call.rank(slot), call.rank(other)
    if call.sums(slot, axis):
        return max(theirs - 2, 0) if other else theirs - 1
    return theirs + axis - own if axis < own - 2 else None


def _along(call: Call, slot: int, axis: int, _: int) -> int | None:
    """All axes correspond, except the one that is concatenated or indexed."""
    return None if axis == call.integer("axis") % max(call.rank(slot), 1) else axis


def _gather(call: Call, slot: int, axis: int, _: int) -> int | None:
    """Gathering within the samples of a batch needs as many samples in the indices."""
    data, indices = call.sizes[:2]
    if slot or data is None or indices is None or axis != call.integer("axis") % len(data):
        return None
    if data[axis] == call.batch:
        return call.first(1, call.batch) if len(indices) > 1 or call.batch > 1 else None
    if prod(indices) != data[axis]:
        return None
    places = [place for place, size in enumerate(indices) if size % call.batch == 0]
    return call.first(1, call.batch) if call.batch in indices else next(iter(places), None)


def _gather_nd(call: Call, slot: int, axis: int, _: int) -> int | None:
    shared, indices = call.integer("batch_dims"), call.sizes[1] or ()
    if slot or len(indices) < 2 or axis >= shared + indices[-1]:
        return None
    return axis if axis < shared else call.first(1, call.batch, -1)


def _scatter_nd(call: Call, slot: int, axis: int, other: int) -> int | None:
    """Updates have the leading axes of the indices, then the remaining axes of the data."""
    indices = call.sizes[1]
    if not indices:
        return None
    leading, indexed = len(indices) - 1, indices[-1]
    if slot == 2 and axis >= leading:
        return axis - leading + indexed if other == 0 else None
    if slot == 0 and axis >= indexed:
        return axis - indexed + leading if other == 2 else None
    if other == 0:
        return call.first(0, call.batch, indexed)
    return axis if slot else call.first(other, call.batch, leading)


def _einsum(call: Call, slot: int, axis: int, other: int) -> int | None:
    """Axes with the same letter correspond."""
    equation = next((each.s for each in call.proto.attribute if each.name == "equation"), b"")
    terms = equation.decode(errors="replace").replace(" ", "").partition("->")[0].split(",")
    if "." in equation.decode(errors="replace") or len(terms) != len(call.sizes):
        return None
    if axis >= len(terms[slot]):
        return None
    return terms[other].find(terms[slot][axis])


_ELEMENTWISE = frozenset({*ARITHMETIC, "PRelu", "Where"})
_BROADCASTING = _ELEMENTWISE | {"Einsum"}
_PARTNERS: Mapping[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE, _broadcast),
    "Einsum": _einsum,
    "MatMul": _product,
    "Concat": _along,
    "GatherElements": _along,
    "ScatterElements": _along,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "ScatterND": _scatter_nd,
}
