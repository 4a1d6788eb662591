"""Reads a model that was exported with a fixed batch size as if it had another.

Most files fix the batch, often at 1, and with it constants: a Reshape to `[1, 512]` contains the
batch size at the time of export. With another batch, such a model would give wrong shapes. So the
model is read twice: as it is, and then with the new batch, where each tensor is compared with its
original: it may stay unchanged, or one of its axes grows with the batch. Constants that contain the
old batch are corrected on the way; what does not scale with the batch is unknown, never wrong.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto, TypeProto

from archlint.frontends.properties import BUFFER, REPLACES
from archlint.graph.inference.typeproto import write
from archlint.graph.rebatch.axis import BROADCASTING, BatchAxis
from archlint.graph.rebatch.correction import MAY_STAY, Correction, operands
from archlint.graph.rebatch.growth import Growth
from archlint.graph.rebatch.partner import Call
from archlint.graph.rebatch.regrouping import regrouped
from archlint.graph.rebatch.single import Single
from archlint.graph.value import Provenance, Role, Value
from archlint.graph.weight import Weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope

# The operand that holds the output's sizes, by operator.
_SIZE_OPERAND = {"Reshape": 1, "Expand": 1, "Resize": 3}
_LARGEST = 2**63 - 1  # size that a file can state


class Rebatch:
    """Corrects a model while it is read with another batch."""

    def __init__(self, before: Graph, old: int, new: int) -> None:
        """`before` is the model as the file has it, with the batch `old`."""
        self._growth = Growth(before, old, new)
        self._single = Single(self._growth)

    def give(self, name: str, scope: Scope) -> None:
        """Record an input of the model."""
        if self._growth.axis(name, scope) is not None:
            self._growth.within[name] = 1

    def mend(self, proto: NodeProto, scope: Scope) -> NodeProto:
        """Return the node, with constant sizes changed where they contain the batch."""
        slot = _SIZE_OPERAND.get(proto.op_type)
        if slot is None or proto.domain not in {"", "ai.onnx"} or not proto.output:
            return proto
        target = self._target(proto, slot, scope)
        if target is None or max(target, default=0) > _LARGEST:
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
        """Return the output's sizes with the new batch; None where the node needs no change."""
        if slot >= len(proto.input) or not all(scope.find(proto.input[k]) for k in (0, slot)):
            return None
        growth = self._growth
        operand = proto.input[slot]
        contents, before = scope.constants.get(operand), growth.before.constants.get(operand)
        if contents is None or before is None or not np.array_equal(contents, before):
            return None
        data = proto.input[0]
        axis = growth.axis(data, scope)
        sizes, target = growth.sizes(data), growth.sizes(proto.output[0])
        if axis is None or sizes is None or target is None:
            return None
        if proto.op_type == "Reshape":
            grown = regrouped(proto.output[0], axis, growth)
        else:
            grown = axis + len(target) - len(sizes)
            if not 0 <= grown < len(target) or target[grown] != sizes[axis]:
                return None
        if grown is None or target[grown] * growth.new % growth.old:
            return None
        size = target[grown] * growth.new // growth.old
        changed = (*target[:grown], size, *target[grown + 1 :])
        return changed if size <= _LARGEST else None

    def adopt(
        self, proto: NodeProto, scope: Scope, *, refused: bool = False
    ) -> dict[str, TypeProto] | None:
        """Return the types of the inputs, where constants get the batch of the other inputs.

        A class token or a state that was expanded to the old batch during export is incompatible
        with tensors that have grown; it is treated as expanded to the new batch. None where there
        is no such input; `refused` means that the call is invalid without the change.
        """
        names = [name for name in proto.input if name]
        places = self._claimed(proto, scope)
        if refused and not places:
            places = self._at_same_place(proto, names, scope)
        if not places:
            return None
        adopted = {
            name: self._growth.grown(name, place.axis, scope) for name, place in places.items()
        }
        Correction(self._growth, scope).correct(places)
        types = {name: scope.type_of(name) for name in names}
        types.update((name, write(value)) for name, value in adopted.items())
        return types

    def _claimed(self, proto: NodeProto, scope: Scope) -> dict[str, BatchAxis]:
        """Return the inputs with the old batch on an axis that corresponds to a grown one."""
        growth = self._growth
        grown = self._grown_slots(proto, scope)
        if not grown:
            return {}
        call, places = self._call(proto), {}
        for other, name in enumerate(proto.input):
            if not name or growth.moved(name, scope):
                continue
            found = {
                (place, slot)
                for slot, axis in grown.items()
                for place in (
                    call.partner(slot, axis, other),
                    self._single.repeated(call, slot, axis, other),
                )
                if place is not None
            }
            if len({place for place, _ in found}) == 1:
                place, slot = min(found)
                within = growth.within.get(proto.input[slot], 1)
                is_kept = (call.sizes[other] or ())[place] == (call.sizes[slot] or ())[grown[slot]]
                places[name] = BatchAxis(place, within if is_kept else 1)
        return places

    def _call(self, proto: NodeProto) -> Call:
        sizes = [self._growth.sizes(name) if name else None for name in proto.input]
        return Call(proto, sizes, self._growth.old)

    def _grown_slots(self, proto: NodeProto, scope: Scope) -> dict[int, int]:
        """Return the axes that grew, by input slot."""
        axes = {
            slot: self._growth.axis(name, scope) for slot, name in enumerate(proto.input) if name
        }
        return {slot: axis for slot, axis in axes.items() if axis is not None}

    def _at_same_place(
        self, proto: NodeProto, names: Sequence[str], scope: Scope
    ) -> dict[str, BatchAxis]:
        """Return the inputs with the old batch at the same position as the axis that grew."""
        axis, places = self._neighbour(proto, names, scope), {}
        if axis is None:
            return {}
        for name in names:
            sizes = self._growth.sizes(name) or ()
            place = axis if axis >= 0 else len(sizes) + axis
            if self._growth.moved(name, scope) or not 0 <= place < len(sizes):
                continue
            if sizes[place] == self._growth.old:
                places[name] = BatchAxis(place)
        return places

    def _neighbour(self, proto: NodeProto, names: Sequence[str], scope: Scope) -> int | None:
        """Return the axis on which the inputs of a node carry the batch.

        It is counted from the end, and negative, for operators that broadcast.
        """
        growth = self._growth
        if proto.op_type == "Expand":
            target, before = (
                constants.get(names[-1]) for constants in (scope.constants, growth.before.constants)
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
            axis = growth.axis(name, scope)
            if axis is not None:
                found.add(axis - len(scope.values[name].shape or ()) if broadcasts else axis)
        return found.pop() if len(found) == 1 else None

    def check(self, node: Node, proto: NodeProto, scope: Scope) -> None:
        """Mark the shapes of outputs that do not scale with the batch as unknown."""
        growth = self._growth
        moved = any(growth.moved(name, scope) for name in operands(node))
        grown = self._grown_slots(proto, scope) if moved else {}
        call = self._call(proto) if grown else None
        is_open = call is not None and self._single.is_open(call, grown, scope)
        may_stay = not moved or node.op in MAY_STAY
        if call is not None and all(call.sums(slot, axis) for slot, axis in grown.items()):
            may_stay = True
        for name in node.outputs:
            value = scope.values.get(name)
            old = growth.sizes(name)
            new = None if value is None else value.sizes
            if value is None or old is None or new is None or not prod(old):
                continue
            stays = new == old and may_stay
            if is_open or not (stays or self._scales(node, name, len(grown), scope)):
                growth.forget(name, scope)
            else:
                self._follow(name, node, scope)

    def _scales(self, node: Node, name: str, grown: int, scope: Scope) -> bool:
        """Whether the number of elements of a tensor scales with the batch.

        For pairs of samples, and elementwise results of them, it scales with the square. `grown`
        counts the operands that have grown.
        """
        growth = self._growth
        old, new = prod(growth.sizes(name) or ()), prod(scope.values[name].sizes or ())
        if new * growth.old == old * growth.new and new != old:
            return True
        pairs = node.op in {"Gemm", "MatMul"} and grown == 2
        pairs = pairs or (not grown and node.op not in _SIZE_OPERAND)
        return pairs and new * growth.old**2 == old * growth.new**2 and new != old

    def _follow(self, name: str, node: Node, scope: Scope) -> None:
        """Record the position of the batch within the axis of a tensor that has grown."""
        growth = self._growth
        axis = growth.axis(name, scope)
        if axis is None:
            return
        old = growth.sizes(name) or ()
        if old[axis] == growth.old:
            growth.within[name] = 1
            return
        found = set()
        for source in node.inputs:
            grown = growth.axis(source, scope) if source else None
            if grown is None or source not in growth.within:
                continue
            sizes = growth.sizes(source) or ()
            if node.op in {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}:
                outer = prod(sizes[:grown]) * growth.within[source]
                found.add(outer // prod(old[:axis]))
            elif sizes[grown] == old[axis]:
                found.add(growth.within[source])
        if len(found) == 1:
            growth.within[name] = found.pop()
