"""Which axis of an operand and of an output is the batch."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.constant_folding.arithmetic import ARITHMETIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archlint.graph.node import Node

BROADCASTING = frozenset({*ARITHMETIC, "MatMul", "PRelu", "Where", "Expand"})
"""Operators whose axes are counted from the end."""
_REGROUPING = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})


class BatchAxis(Struct, frozen=True):
    """The axis that holds the batch, and the size of its factor before the batch.

    That is 9 for a merged axis of 9 x batch, and 1 where the batch comes first.
    """

    axis: int
    within: int = 1


class Passage(Struct, frozen=True):
    """Maps the batch axis through a node: from operand `slot` to an output.

    `operand` and `output` are their sizes with the old `batch`. Reshaping preserves the row-major
    order of the elements, so that equally many precede the batch in both.
    """

    node: Node
    slot: int
    operand: Sequence[int]
    output: Sequence[int]
    batch: int

    def before(self, place: BatchAxis) -> BatchAxis | None:
        """Return the batch axis of the operand, given that of the output; None if it has none."""
        node, operand, output = self.node, self.operand, self.output
        if node.op in _REGROUPING:
            return _regrouped(operand, prod(output[: place.axis]) * place.within, self.batch)
        axis = place.axis
        if node.op == "Transpose":
            axis = _order(node, len(output))[axis]
        elif node.op == "Gather":
            axis = self._picked(axis)
        elif node.op in BROADCASTING:
            axis += len(operand) - len(output)
        if not 0 <= axis < len(operand) or operand[axis] != output[place.axis]:
            return None
        return BatchAxis(axis, place.within)

    def after(self, place: BatchAxis) -> BatchAxis | None:
        """Return the batch axis of the output, given that of the operand; None if unknown."""
        if self.node.op in _REGROUPING:
            outer = prod(self.operand[: place.axis]) * place.within
            return _regrouped(self.output, outer, self.batch)
        found = [BatchAxis(axis, place.within) for axis in range(len(self.output))]
        found = [each for each in found if self.before(each) == place]
        return found[0] if len(found) == 1 else None

    def _picked(self, axis: int) -> int:
        """Return the axis of a Gather's data for an axis of its output, negative for none.

        In the output, the axes of the indices replace one axis of the data.
        """
        other = len(self.output) - len(self.operand) + 1
        ranks = (other, len(self.operand)) if self.slot else (len(self.operand), other)
        data, indices = ranks
        given = self.node.attributes.get("axis", 0)
        first = given % max(data, 1) if isinstance(given, int) else 0
        if self.slot:
            return axis - first if axis < first + indices else -1
        if axis < first:
            return axis
        return axis - indices + 1 if axis >= first + indices else -1


def _order(node: Node, rank: int) -> Sequence[int]:
    order = node.attributes.get("perm")
    if isinstance(order, tuple) and len(order) == rank:
        return [int(axis) for axis in order]
    return range(rank)[::-1]


def _regrouped(sizes: Sequence[int], outer: int, batch: int) -> BatchAxis | None:
    """Return the axis in which `outer` elements precede the batch.

    That is one of its size; else one that begins with it, except the last one (features); else the
    outermost.
    """
    found: list[BatchAxis] = []
    if not outer:
        return None
    for axis, size in enumerate(sizes):
        earlier = prod(sizes[:axis])
        if earlier and outer % earlier == 0 and size % (outer // earlier * batch) == 0:
            found.append(BatchAxis(axis, outer // earlier))
    own = [place for place in found if place.within == 1]
    exact = [place for place in own if sizes[place.axis] == batch]
    inner = [place for place in own if place.axis < len(sizes) - 1]
    return next(iter(exact or inner or found), None)
