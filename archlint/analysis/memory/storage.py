"""Which tensors share a storage, and the bytes of each storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from archlint.analysis.amount import Unknown
from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call, sizes
from archlint.ops.operator import Operator
from archlint.ops.registry import Operators
from archlint.ops.storage import AS_CHANNELS, Layout
from archlint.ops.strides import (
    Strides,
    channels_last,
    channels_last_strides,
    contiguous,
    follows,
)
from archlint.ops.undetermined import Undetermined
from archlint.record import record, replace

Placement: TypeAlias = tuple[str, Strides | None]
"""Where a tensor lies: its storage, and its strides there where its shape is known."""

_TAKE_AFTER_ALL = frozenset({Layout.FOLLOWS, Layout.CHANNELS_OF_ALL})


@record(slots=False)
class Storages:
    """The storage behind every tensor of a graph.

    A storage goes by the name of the tensor that it was made for; a view (a reshape, a slice, a
    transposition) shares the storage of its input. `float_bytes` is the width that a float32 tensor
    of the file has in training, 2 where the whole training runs in half precision.
    """

    graph: Graph
    operators: Operators
    float_bytes: int = 4

    def inside(self, graph: Graph) -> Storages:
        """Return the storages of a graph inside a node."""
        return replace(self, graph=graph)

    def of(self, name: str) -> str:
        """Return the storage behind a tensor."""
        layout = self._layouts.get(name)
        return name if layout is None else layout[0]

    def strides(self, name: str) -> Strides | None:
        """Return how a tensor lies in its storage, None where its shape is not known."""
        layout = self._layouts.get(name)
        return self._contiguous(name) if layout is None else layout[1]

    def nbytes(self, storage: str) -> int:
        """Return the bytes of a storage; undetermined where its size is not known."""
        return self._own_bytes(self._room(storage))

    def gradient_bytes(self, name: str) -> int:
        """Return the bytes of a tensor like this one with a storage of its own, 0 where unknown."""
        if self._room(name) == name:
            return self.known_bytes(name)
        try:
            return self._own_bytes(name)
        except Undetermined:
            return 0

    def _own_bytes(self, name: str) -> int:
        value = self.graph.values[name]
        if value.dtype is None:
            raise Undetermined(f"the element type of {name!r} is not known")
        sizes(value)
        stored = value.nbytes or 0
        return stored * self.float_bytes // 4 if value.dtype is DType.FLOAT32 else stored

    def _room(self, storage: str) -> str:
        """Return the tensor that tells the size of a storage: itself, if its maker has no other."""
        maker = self.graph.producers.get(storage)
        operator = None if maker is None else self.operators.of(maker)
        slot = None if operator is None else operator.storage.allocated_like
        if maker is None or slot is None:
            return storage
        like = maker.inputs[slot] if slot < len(maker.inputs) else ""
        return like or storage

    def known_bytes(self, storage: str) -> int:
        """Return the bytes of a storage, 0 where its size is not known.

        Whoever adds these up says so: `unknown` names the storages that a sum lacks.
        """
        known = self._known
        if storage not in known:
            try:
                known[storage] = self.nbytes(storage)
            except Undetermined:
                known[storage] = 0
        return known[storage]

    @cached_property
    def _known(self) -> dict[str, int]:
        return {}

    def unknown(self, made: Mapping[str, Iterable[str]]) -> tuple[Unknown, ...]:
        """Name the inputs and the storages `made` by nodes, by name, whose sizes are not known."""
        found = [Unknown(name, "input", why) for name, why in self._reasons(self.graph.inputs)]
        for name, storages in made.items():
            op = self.graph.by_name[name].op
            found += [Unknown(name, op, why) for _, why in self._reasons(storages)]
        return tuple(found)

    def _reasons(self, storages: Iterable[str]) -> Iterator[tuple[str, str]]:
        for storage in storages:
            if self._known.get(storage):
                continue
            try:
                self.nbytes(storage)
            except Undetermined as reason:
                yield storage, str(reason)

    @cached_property
    def _layouts(self) -> dict[str, Placement]:
        """The storage and the strides of every computed tensor."""
        layouts: dict[str, Placement] = {}
        for node in self.graph.nodes:
            operator = self.operators.of(node)
            for slot, name in enumerate(node.outputs):
                if name:
                    layouts[name] = self._layout(node, operator, slot, layouts)
        return layouts

    def _layout(
        self,
        node: Node,
        operator: Operator | None,
        slot: int,
        layouts: Mapping[str, Placement],
    ) -> Placement:
        name = node.outputs[slot]
        if operator is None:
            return name, self._contiguous(name)
        viewed = self._viewed(node, operator, slot, layouts)
        if viewed is not None:
            return viewed
        layout = operator.storage.layout
        if layout is Layout.ROW_MAJOR:
            return name, self._contiguous(name)
        if isinstance(layout, Layout):
            return name, self._new_strides(node, layout, name, layouts)
        known = [
            layouts[each][1] if each in layouts else self._contiguous(each) if each else None
            for each in node.inputs
        ]
        try:
            own = layout(Call(node, self.graph), known)
        except Undetermined:
            own = None
        return name, own if own is not None and self._fits(name, own) else self._contiguous(name)

    def _viewed(
        self,
        node: Node,
        operator: Operator,
        slot: int,
        layouts: Mapping[str, Placement],
    ) -> tuple[str, Strides] | None:
        """Return where an output lies in the storage of the first input; None for a new tensor."""
        view = operator.storage.view
        if view is None or not node.inputs or not node.inputs[0]:
            return None
        source, name = node.inputs[0], node.outputs[slot]
        storage, strides = layouts.get(source) or (source, self._contiguous(source))
        if strides is None:
            return None
        try:
            viewed = view(Call(node, self.graph), slot, strides)
        except Undetermined:
            return None
        # A file may call a tensor a view of another one that it cannot be.
        return (storage, viewed) if viewed is not None and self._fits(name, viewed) else None

    def _new_strides(
        self,
        node: Node,
        layout: Layout,
        name: str,
        layouts: Mapping[str, Placement],
    ) -> Strides | None:
        """Return the strides of a new tensor that takes after its inputs."""
        shape = self.graph.values[name].sizes
        if shape is None:
            return None
        plain = contiguous(shape)
        operands = []
        for source in node.inputs if layout in _TAKE_AFTER_ALL else node.inputs[:1]:
            own = self.graph.values[source].sizes if source else None
            known = layouts.get(source)
            strides = known[1] if known else self._contiguous(source) if source else None
            if own is not None and strides is not None and len(own) <= len(shape):
                operands.append((own, strides))
        if all(strides == contiguous(own) for own, strides in operands):
            return plain
        if layout in AS_CHANNELS:
            fewest = AS_CHANNELS[layout]
            is_last = all(channels_last(*operand, fewest=fewest) for operand in operands)
            return channels_last_strides(shape) if is_last else plain
        return follows(shape, operands)

    def _fits(self, name: str, strides: Strides) -> bool:
        """Whether there is a stride for each axis of a tensor, as far as its axes are known."""
        shape = self.graph.values[name].shape
        return shape is None or len(shape) == len(strides)

    def _contiguous(self, name: str) -> Strides | None:
        known = self.graph.values[name].sizes
        return None if known is None else contiguous(known)
