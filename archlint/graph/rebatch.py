"""Giving a model that was exported with a fixed batch another batch.

Most files fix the batch, often at 1, and with it constants: a Reshape to `[1, 512]` holds the batch
of the day of the export. Inferred with another batch such a model would give wrong shapes. So the
model is read twice: as it is, and then with the new batch, where each tensor is compared with
itself: it may stay as it was, or one of its axes grows with the batch. Constants that hold the
old batch are mended on the way; whatever does not scale with the batch is unknown, never wrong.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto, TypeProto

from archlint.frontends.properties import BUFFER, REPLACES
from archlint.graph.batch_axis import BROADCASTING, BatchAxis, after, before
from archlint.graph.control_flow import CONTROL_FLOW
from archlint.graph.typeproto import write
from archlint.graph.value import Provenance, Role, Value
from archlint.graph.weight import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.graph.scope import Scope

# The operand that holds the output's sizes, by operator.
_SIZE_OPERAND = {"Reshape": 1, "Expand": 1, "Resize": 3}

# Operators that read the elements of their first operand alone: the others are sizes, or a type.
_OF_FIRST = frozenset({*_SIZE_OPERAND, "Squeeze", "Unsqueeze", "Tile", "Slice", "CastLike"})

# Operators that repeat what they are given as often as a size says.
_REPEATING = frozenset({"Expand", "Tile", "ConstantOfShape"})

# Operators whose outputs may stay as they are when an input grows: they look at its shape alone,
# or sum over the batch, or choose from it.
_MAY_STAY = frozenset(
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


class Rebatch:
    """Mends a model while it is read with another batch."""

    def __init__(self, before: Graph, old: int, new: int) -> None:
        """`before` is the model as the file has it, with the batch `old`."""
        self._before = before
        self._old = old
        self._new = new
        # How many elements of the axis that grows stand before the batch: 9 in 9 x batch, where
        # both were merged. 1 for inputs, and unknown where it is missing.
        self._within: dict[str, int] = {}

    def give(self, name: str, scope: Scope) -> None:
        """Take in an input of the model."""
        if self._growth(name, scope) is not None:
            self._within[name] = 1

    def mend(self, proto: NodeProto, scope: Scope) -> NodeProto:
        """Return the node, with its sizes changed where they are constant and hold the batch."""
        slot = _SIZE_OPERAND.get(proto.op_type)
        if slot is None or proto.domain not in {"", "ai.onnx"} or not proto.output:
            return proto
        target = self._target(proto, slot, scope)
        if target is None:
            return proto
        mended = NodeProto()
        mended.CopyFrom(proto)
        operand = f"{proto.output[0]}.sizes"
        contents = np.array(target, np.int64)
        shape = contents.shape
        scope.constants[operand] = contents
        scope.weights[operand] = Weight(operand, {BUFFER: "true", REPLACES: proto.input[slot]})
        scope.values[operand] = Value(
            operand, scope.values[proto.input[slot]].dtype, shape, Role.STORED, Provenance.BOUND
        )
        mended.input[slot] = operand
        return mended

    def _target(self, proto: NodeProto, slot: int, scope: Scope) -> tuple[int, ...] | None:
        """Return the output's sizes with the new batch; None where the node is right as it is."""
        if slot >= len(proto.input) or not all(scope.find(proto.input[k]) for k in (0, slot)):
            return None
        operand = proto.input[slot]
        contents, before = scope.constants.get(operand), self._before.constants.get(operand)
        if contents is None or before is None or not np.array_equal(contents, before):
            return None
        data = proto.input[0]
        axis = self._growth(data, scope)
        sizes, target = self._sizes(data), self._sizes(proto.output[0])
        if axis is None or sizes is None or target is None:
            return None
        if proto.op_type == "Reshape":
            grown = self._regrouped(proto.output[0], axis, target)
        else:
            grown = axis + len(target) - len(sizes)
            if not 0 <= grown < len(target) or target[grown] != sizes[axis]:
                return None
        if grown is None or target[grown] * self._new % self._old:
            return None
        return (*target[:grown], target[grown] * self._new // self._old, *target[grown + 1 :])

    def _regrouped(self, name: str, axis: int, target: tuple[int, ...]) -> int | None:
        """Return the axis of the reshaped tensor `name` that grows, as `axis` of its source does.

        Elements keep their row-major order, so the batch has `outer` elements before it in both.
        With the old batch 1 there may be two such places: then the one with size 1 is it, or the
        outermost; features do not grow; and heads do, where they go to the front next, as in
        PyTorch's multi-head attention. Else it cannot be told.
        """
        data = self._before.producers[name].inputs[0]
        within = self._within.get(data)
        if within is None:
            return None
        outer = prod((self._sizes(data) or ())[:axis]) * within
        before = [prod(target[:k]) for k in range(len(target))]
        own = [k for k, size in enumerate(target) if before[k] == outer and size % self._old == 0]
        exact = [k for k in own if target[k] == self._old]
        if exact or (own and outer == 1):
            return (exact or own)[0]
        inside = [
            k
            for k, size in enumerate(target)
            if 0 < before[k] < outer
            and outer % before[k] == 0
            and size % (outer // before[k] * self._old) == 0
        ]
        if own and inside:
            if own[0] == len(target) - 1:
                return inside[-1]
            return own[0] if self._goes_first(name, own[0]) else None
        return next(iter(own or inside), None)

    def _goes_first(self, name: str, axis: int) -> bool:
        """Whether every user of a tensor moves `axis` to the front."""
        users = self._before.consumers.get(name, [])
        return bool(users) and all(
            isinstance(perm := user.attributes.get("perm"), tuple) and perm[:1] == (axis,)
            for user in users
        )

    def adopt(self, proto: NodeProto, scope: Scope) -> dict[str, TypeProto] | None:
        """Return the types of the inputs with the batch of its neighbours given to a constant.

        A class token or a state that was expanded to the old batch when the model was exported
        does not go together with tensors that have grown; it is seen as if expanded to the new.
        """
        names = [name for name in proto.input if name]
        if not names:
            return None
        axis = self._neighbour(proto, names, scope)
        if axis is None:
            return None
        adopted, places = {}, {}
        for name in names:
            sizes = self._sizes(name) or ()
            place = axis if axis >= 0 else len(sizes) + axis
            if self._moved(name, scope) or not 0 <= place < len(sizes):
                continue
            if sizes[place] == self._old:
                places[name] = BatchAxis(place)
                adopted[name] = self._grown(name, place, scope)
        self._correct(places, scope)
        types = {name: scope.type_of(name) for name in names}
        types.update((name, write(value)) for name, value in adopted.items())
        return types if adopted else None

    def _grown(self, name: str, axis: int, scope: Scope) -> Value:
        """Return a tensor with the new batch in an axis that holds the old."""
        value, sizes = scope.values[name], self._sizes(name) or ()
        shape = (*sizes[:axis], sizes[axis] // self._old * self._new, *sizes[axis + 1 :])
        return Value(name, value.dtype, shape, value.role, Provenance.BOUND)

    def _correct(self, places: Mapping[str, BatchAxis], scope: Scope) -> None:
        """Correct computed tensors that hold the old batch, and all that they are made of.

        What else was made of these grows as well. A tensor of which this cannot be told is unknown:
        it is made of something of another batch.
        """
        waiting = list(places.items())
        while waiting:
            name, place = waiting.pop()
            value, maker = scope.values.get(name), self._before.producers.get(name)
            if value is None or value.role is not Role.COMPUTED or maker is None:
                continue
            if self._moved(name, scope):
                continue
            scope.values[name] = self._grown(name, place.axis, scope)
            scope.constants.pop(name, None)
            self._within[name] = place.within
            sources = self._sources(maker, name, place)
            if not sources and self._is_made_otherwise(maker, scope):
                self._forget(name, value, scope)
            waiting += sources
            waiting += self._users(name, place, scope)

    def _sources(self, maker: Node, name: str, place: BatchAxis) -> list[tuple[str, BatchAxis]]:
        """Return the operands that bring the batch, and where it stands in each."""
        found, output = [], self._sizes(name)
        for source in _operands(maker):
            operand = self._sizes(source)
            if operand is not None and output is not None:
                brought = before(maker, operand, output, place, self._old)
                if brought is not None:
                    found.append((source, brought))
        return found

    def _is_made_otherwise(self, maker: Node, scope: Scope) -> bool:
        """Whether an operator made the batch of computed tensors without it, not by repeating."""
        computed = any(
            scope.values[name].role is Role.COMPUTED and name not in scope.constants
            for name in _operands(maker)
        )
        return computed and maker.op not in _REPEATING

    def _users(self, name: str, place: BatchAxis, scope: Scope) -> Iterator[tuple[str, BatchAxis]]:
        """Yield what was already made of a tensor with the old batch, and where it stands there."""
        for user in self._before.consumers.get(name, ()):
            if name not in _operands(user) or user.op in _MAY_STAY:
                continue
            for output in filter(None, user.outputs):
                if output not in scope.values:
                    continue
                made = self._made(user, name, output, place)
                if made is not None:
                    yield output, made
                elif not self._moved(output, scope):
                    self._forget(output, scope.values[output], scope)

    def _made(self, user: Node, name: str, output: str, place: BatchAxis) -> BatchAxis | None:
        operand, sizes = self._sizes(name), self._sizes(output)
        if operand is None or sizes is None:
            return None
        return after(user, operand, sizes, place, self._old)

    def _neighbour(self, proto: NodeProto, names: Sequence[str], scope: Scope) -> int | None:
        """Return the axis on which the inputs of a node carry the batch.

        It is counted from the end, and negative, for operators that broadcast.
        """
        if proto.op_type == "Expand":
            target, before = (
                constants.get(names[-1]) for constants in (scope.constants, self._before.constants)
            )
            if target is None or before is None or target.ndim != 1:
                return None
            if target.shape != before.shape:
                return None
            axes = [k - target.size for k in range(target.size) if target[k] != before[k]]
            return axes[0] if len(axes) == 1 else None
        broadcasts = proto.op_type in BROADCASTING
        found = set()
        for name in names:
            axis = self._growth(name, scope)
            if axis is not None:
                found.add(axis - len(scope.values[name].shape or ()) if broadcasts else axis)
        return found.pop() if len(found) == 1 else None

    def check(self, node: Node, scope: Scope) -> None:
        """Forget the shapes of outputs that do not scale with the batch."""
        moved = [self._moved(name, scope) for name in _operands(node)]
        for name in node.outputs:
            value = scope.values.get(name)
            old = self._sizes(name)
            new = None if value is None else value.sizes
            if value is None or old is None or new is None:
                continue
            elements, before = prod(new), prod(old)
            if elements * self._old == before * self._new and elements != before:
                self._follow(name, node, scope)
                continue
            stays = new == old and (not any(moved) or node.op in _MAY_STAY)
            if not stays and before:
                self._forget(name, value, scope)

    def _follow(self, name: str, node: Node, scope: Scope) -> None:
        """Note where in its axis the batch of a tensor that has grown stands."""
        axis = self._growth(name, scope)
        if axis is None:
            return
        old = self._sizes(name) or ()
        if old[axis] == self._old:
            self._within[name] = 1
            return
        found = set()
        for source in node.inputs:
            grown = self._growth(source, scope) if source else None
            if grown is None or source not in self._within:
                continue
            sizes = self._sizes(source) or ()
            if node.op in {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}:
                outer = prod(sizes[:grown]) * self._within[source]
                found.add(outer // prod(old[:axis]))
            elif sizes[grown] == old[axis]:
                found.add(self._within[source])
        if len(found) == 1:
            self._within[name] = found.pop()

    def _forget(self, name: str, value: Value, scope: Scope) -> None:
        unknown = (None,) * len(value.shape or ())
        scope.values[name] = Value(name, value.dtype, unknown, value.role)
        scope.constants.pop(name, None)
        scope.open.add(name)
        scope.unknown[name] = (
            f"the model is fixed to batch {self._old}, "
            f"and how this grows to batch {self._new} cannot be told"
        )

    def _moved(self, name: str, scope: Scope) -> bool:
        """Whether a tensor is another than with the old batch, or not known any more."""
        old, value = self._sizes(name), scope.values[name]
        return old is not None and old != value.sizes

    def _growth(self, name: str, scope: Scope) -> int | None:
        """Return the axis of a tensor that has grown with the batch; None where none has."""
        old, new = self._sizes(name), scope.values[name].sizes
        if old is None or new is None or len(old) != len(new):
            return None
        axes = [axis for axis, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
        if len(axes) != 1 or old[axes[0]] * self._new != new[axes[0]] * self._old:
            return None
        return axes[0]

    def _sizes(self, name: str) -> tuple[int, ...] | None:
        value = self._before.values.get(name)
        return None if value is None else value.sizes


def _operands(node: Node) -> Sequence[str]:
    """Return the tensors whose elements an operator reads."""
    return [name for name in node.inputs[: 1 if node.op in _OF_FIRST else None] if name]
