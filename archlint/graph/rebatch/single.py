"""Tensors of batch 1 that do not depend on the input: shared by all samples, or one per sample.

A position bias is computed once for all samples, a zero state or a learned query once per sample;
with a batch of 1 both look the same, and both are broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from archlint.graph.rebatch.axis import BatchAxis
from archlint.graph.rebatch.correction import REPEATING, sources
from archlint.graph.value import Value

if TYPE_CHECKING:
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope
    from archlint.graph.rebatch.growth import Growth
    from archlint.graph.rebatch.partner import Call

_WORKING = frozenset({"Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"})
"""Operators whose work counts for budgets, so that the number of runs must be known."""


class Single:
    """Determines how a tensor with size 1 on the batch axis was computed."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._known: dict[tuple[str, int, bool], bool] = {}

    def repeated(self, call: Call, slot: int, axis: int, other: int) -> int | None:
        """Return the axis on which operand `other` was repeated once, for a batch of 1.

        A repetition by 1 only makes sense as a repetition by the batch size. Likewise, a constant
        row of equal numbers was filled by a size, as a zero state is.
        """
        place = call.repeated(slot, axis, other) if self._growth.old == 1 else None
        if place is None:
            return None
        name = call.proto.input[other]
        return place if self._has(name, place, self._repeats, of_work=False) else None

    def is_open(self, call: Call, grown: Mapping[int, int], scope: Scope) -> bool:
        """Whether it is unknown if the work behind an operand is done once or once per sample.

        `grown` are the axes that have grown, by input slot.
        """
        if self._growth.old != 1:
            return False
        for other, name in enumerate(call.proto.input):
            if not name or self._growth.moved(name, scope):
                continue
            for slot, axis in grown.items():
                place = call.repeated(slot, axis, other)
                if place is not None and self._has(name, place, _works, of_work=True):
                    return True
        return False

    def _has(self, name: str, axis: int, wanted: Callable[[Node], bool], *, of_work: bool) -> bool:
        """Whether the producer of a tensor, or of its axis of size 1, is a `wanted` node."""
        waiting, seen = [(name, axis)], set[tuple[str, int]]()
        while waiting:
            current = waiting.pop()
            key = (*current, of_work)
            if current in seen or self._known.get(key) is False:
                continue
            seen.add(current)
            maker = self._growth.before.producers.get(current[0])
            if maker is None:
                continue
            if wanted(maker):
                return True
            for source, place in sources(maker, current[0], BatchAxis(current[1]), self._growth):
                if (self._growth.sizes(source) or ())[place.axis] == 1:
                    waiting.append((source, place.axis))
        self._known.update(((*each, of_work), False) for each in seen)
        return False

    def _repeats(self, node: Node) -> bool:
        if node.domain:
            return False
        return node.op in REPEATING or (node.op == "Constant" and self._is_filled(node))

    def _is_filled(self, node: Node) -> bool:
        """Whether all elements of a constant are equal, as far as they are known.

        A constant that is too large to be read counts as filled where it has the sizes of another
        one that had to grow, or a single row: both are typical of states.
        """
        value = node.attributes.get("value")
        if isinstance(value, np.ndarray):
            is_number = value.size <= 1 or value.dtype.kind != "f"
            return not is_number and bool((value == value.flat[0]).all())
        sizes, growth = self._growth.sizes(node.output), self._growth
        is_float = isinstance(value, Value) and value.dtype is not None and value.dtype.is_float
        if not is_float or not sizes:
            return False
        alike = (name for name in growth.within if growth.sizes(name) == sizes)
        makers = (growth.before.producers.get(name) for name in alike)
        return prod(sizes[:-1]) == 1 or any(each and each.op == "Constant" for each in makers)


def _works(node: Node) -> bool:
    return node.op in _WORKING and not node.domain
