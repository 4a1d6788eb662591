"""Where the batch stands in an operand, when it is known where it stands in the output."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archlint.graph.folding.arithmetic import ARITHMETIC
from archlint.record import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archlint.graph.node import Node

BROADCASTING = frozenset({*ARITHMETIC, "MatMul", "PRelu", "Where", "Expand"})
"""Operators whose axes are counted from the end."""
_REGROUPING = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})


@record
class BatchAxis:
    """The axis that holds the batch, and how many elements of it stand before the batch.

    These are 9 in an axis of 9 x batch, where both were merged, and 1 where the batch is first.
    """

    axis: int
    within: int = 1


def before(
    node: Node, operand: Sequence[int], output: Sequence[int], place: BatchAxis, batch: int
) -> BatchAxis | None:
    """Return where the batch of an output stands in an operand; None where it is not in it.

    `operand` and `output` are their sizes. Regrouping keeps the row-major order of the elements, so
    that as many stand before the batch in both.
    """
    if node.op in _REGROUPING:
        return _regrouped(operand, prod(output[: place.axis]) * place.within, batch)
    axis = place.axis
    if node.op == "Transpose":
        axis = _order(node, len(output))[axis]
    elif node.op in BROADCASTING:
        axis += len(operand) - len(output)
    if not 0 <= axis < len(operand) or operand[axis] != output[place.axis]:
        return None
    return BatchAxis(axis, place.within)


def after(
    node: Node, operand: Sequence[int], output: Sequence[int], place: BatchAxis, batch: int
) -> BatchAxis | None:
    """Return where the batch of an operand stands in an output; None where it cannot be told."""
    if node.op in _REGROUPING:
        return _regrouped(output, prod(operand[: place.axis]) * place.within, batch)
    found = [BatchAxis(axis, place.within) for axis in range(len(output))]
    found = [each for each in found if before(node, operand, output, each, batch) == place]
    return found[0] if len(found) == 1 else None


def _order(node: Node, rank: int) -> Sequence[int]:
    order = node.attributes.get("perm")
    if isinstance(order, tuple) and len(order) == rank:
        return [int(axis) for axis in order]
    return range(rank)[::-1]


def _regrouped(sizes: Sequence[int], outer: int, batch: int) -> BatchAxis | None:
    """Return the axis in which `outer` elements stand before the batch; one of its size first."""
    found: list[BatchAxis] = []
    if not outer:
        return None
    for axis, size in enumerate(sizes):
        earlier = prod(sizes[:axis])
        if earlier and outer % earlier == 0 and size % (outer // earlier * batch) == 0:
            found.append(BatchAxis(axis, outer // earlier))
    exact = [place for place in found if sizes[place.axis] == batch and place.within == 1]
    return next(iter(exact or found), None)
