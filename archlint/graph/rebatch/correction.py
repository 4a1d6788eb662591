"""Corrects computed tensors that contain the batch size of the export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.control_flow.operators import CONTROL_FLOW
from archlint.graph.rebatch.axis import BatchAxis, Passage
from archlint.graph.value import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope
    from archlint.graph.rebatch.growth import Growth

# Operators that read the elements of their first operand only: the others are sizes, or a type.
_OF_FIRST = frozenset(
    {"Reshape", "Expand", "Resize", "Squeeze", "Unsqueeze", "Tile", "Slice", "CastLike"}
)

REPEATING = frozenset({"Expand", "Tile", "ConstantOfShape"})
"""Operators that repeat their input by a size operand."""

MAY_STAY = frozenset(
    {
        "Shape",
        "Size",
        *CONTROL_FLOW,
        "ReduceSum",
        "ReduceMean",
        "ReduceMax",
        "ReduceMin",
        "ReduceProd",
        "ReduceL1",
        "ReduceL2",
        "ReduceSumSquare",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "SoftmaxCrossEntropyLoss",
        "NegativeLogLikelihoodLoss",
        "BatchNormalization",
        "SequenceLength",
    }
)
"""Operators whose outputs may stay as they are when an input grows.

They use only its shape, reduce over the batch, or select from it.
"""


class Correction:
    """Gives the new batch size to computed tensors that were computed with the old one."""

    def __init__(self, growth: Growth, scope: Scope) -> None:
        self._growth = growth
        self._scope = scope

    def correct(self, places: Mapping[str, BatchAxis]) -> None:
        """Correct these tensors, and the tensors that they were computed from.

        Other tensors computed from them grow as well; where that cannot be determined, their shape
        becomes unknown. Tensors stored for one sample stay: usually they are parameters, which all
        samples share.
        """
        scope, growth = self._scope, self._growth
        waiting = list(places.items())
        while waiting:
            name, place = waiting.pop()
            value, maker = scope.values.get(name), growth.before.producers.get(name)
            if value is None or growth.moved(name, scope):
                continue
            if maker is None and (growth.old == 1 or value.role is not Role.STORED):
                continue
            scope.values[name] = growth.grown(name, place.axis, scope)
            scope.kinds.pop(name, None)
            if not growth.moved(name, scope):
                continue  # nothing grows in an axis of no elements
            scope.constants.pop(name, None)
            growth.within[name] = place.within
            waiting += self._users(name, place)
            if maker is None:
                continue
            # With the batch 1 nothing tells what was repeated before, for another reason.
            is_start = growth.old == 1 and maker.op in REPEATING
            brought = [] if is_start else list(sources(maker, name, place, growth))
            if not brought and self._is_made_otherwise(maker):
                growth.forget(name, scope)
            waiting += brought

    def _is_made_otherwise(self, maker: Node) -> bool:
        """Whether an operator created the batch axis of computed tensors without repeating."""
        scope = self._scope
        computed = any(
            scope.values[name].role is Role.COMPUTED and name not in scope.constants
            for name in operands(maker)
        )
        return computed and maker.op not in REPEATING

    def _users(self, name: str, place: BatchAxis) -> Iterator[tuple[str, BatchAxis]]:
        """Yield tensors computed from a tensor with the old batch, with their batch axis."""
        for user in self._growth.before.consumers.get(name, ()):
            if name not in operands(user) or user.op in MAY_STAY:
                continue
            for output in filter(None, user.outputs):
                if output not in self._scope.values:
                    continue
                made = self._made(user, name, output, place)
                if made is not None:
                    yield output, made
                elif not self._growth.moved(output, self._scope):
                    self._growth.forget(output, self._scope)

    def _made(self, user: Node, name: str, output: str, place: BatchAxis) -> BatchAxis | None:
        operand, sizes = self._growth.sizes(name), self._growth.sizes(output)
        if operand is None or sizes is None:
            return None
        slot = user.inputs.index(name)
        return Passage(user, slot, operand, sizes, self._growth.old).after(place)


def sources(
    maker: Node, name: str, place: BatchAxis, growth: Growth
) -> Iterator[tuple[str, BatchAxis]]:
    """Yield the operands that carry the batch of an output, with the batch axis of each."""
    output = growth.sizes(name)
    if place.axis in _inserted(maker, len(output or ()), growth):
        return
    for slot, source in enumerate(maker.inputs):
        operand = growth.sizes(source) if source else None
        if operand is not None and output is not None and (not slot or reads_all(maker)):
            brought = Passage(maker, slot, operand, output, growth.old).before(place)
            if brought is not None:
                yield source, brought


def _inserted(node: Node, rank: int, growth: Growth) -> set[int]:
    """Return the axes that an Unsqueeze inserts into an output of that rank."""
    if node.op != "Unsqueeze" or not rank:
        return set()
    axes = node.attributes.get("axes")
    if len(node.inputs) > 1:
        known = growth.before.constants.get(node.inputs[1])
        axes = None if known is None else tuple(known.reshape(-1).tolist())
    return {int(axis) % rank for axis in axes} if isinstance(axes, tuple) else set()


def operands(node: Node) -> Sequence[str]:
    """Return the tensors whose elements an operator reads."""
    return [name for name in node.inputs[: None if reads_all(node) else 1] if name]


def reads_all(node: Node) -> bool:
    """Whether an operator reads the elements of all its operands, not of the first alone."""
    return node.op not in _OF_FIRST
