"""How the tensors of a graph lie in memory: which share a storage, and their strides in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TypeAlias

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
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

Placement: TypeAlias = tuple[str, Strides | None]
"""Where a tensor lies: its storage, and its strides there where its shape is known."""

_TAKE_AFTER_ALL = frozenset({Layout.FOLLOWS, Layout.CHANNELS_OF_ALL})


class Layouts(Struct, frozen=True, dict=True):
    """The layouts of the tensors of a graph, as the framework runs it."""

    graph: Graph
    operators: Operators

    def on(self, graph: Graph) -> Layouts:
        """Return the layouts of a graph: these, where it is the same one."""
        return self if graph is self.graph else Layouts(graph, self.operators)

    @cached_property
    def placements(self) -> Mapping[str, Placement]:
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
            return name, self.contiguous(name)
        viewed = self._viewed(node, operator, slot, layouts)
        if viewed is not None:
            return viewed
        layout = operator.storage.layout
        if layout is Layout.ROW_MAJOR:
            return name, self.contiguous(name)
        if isinstance(layout, Layout):
            return name, self._new_strides(node, layout, name, layouts)
        known = [
            layouts[each][1] if each in layouts else self.contiguous(each) if each else None
            for each in node.inputs
        ]
        try:
            own = layout(Call(node, self.graph), known)
        except Undetermined:
            own = None
        return name, own if own is not None and self._fits(name, own) else self.contiguous(name)

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
        storage, strides = layouts.get(source) or (source, self.contiguous(source))
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
            strides = known[1] if known else self.contiguous(source) if source else None
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

    def contiguous(self, name: str) -> Strides | None:
        """Return the strides of a tensor in row-major order, None where its shape is not known."""
        known = self.graph.values[name].sizes
        return None if known is None else contiguous(known)
