"""Which tensors share storage, and how many bytes each storage takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call, sizes
from archlint.ops.registry import Operators
from archlint.ops.strides import Strides, contiguous
from archlint.ops.undetermined import Undetermined


@dataclass(frozen=True)
class Storages:
    """The storage behind every tensor of a graph.

    A storage goes by the name of the tensor that it was made for; a view (a reshape, a slice, a
    transposition) shares the storage of its input. `float_bytes` is the width that a float32 tensor
    of the file has in training, 2 where the whole training runs in half precision.
    """

    graph: Graph
    operators: Operators
    float_bytes: int = 4

    def of(self, name: str) -> str:
        """Return the storage behind a tensor."""
        return self._layouts[name][0] if name in self._layouts else name

    def nbytes(self, storage: str) -> int:
        """Return the bytes of a storage; undetermined where its size is not known."""
        value = self.graph.values[storage]
        if value.dtype is None:
            raise Undetermined(f"the element type of {storage!r} is not known")
        sizes(value)
        stored = value.nbytes or 0
        return stored * self.float_bytes // 4 if value.dtype is DType.FLOAT32 else stored

    @cached_property
    def _layouts(self) -> dict[str, tuple[str, Strides | None]]:
        """The storage and the strides of every computed tensor."""
        layouts: dict[str, tuple[str, Strides | None]] = {}
        for node in self.graph.nodes:
            for slot, name in enumerate(node.outputs):
                if name:
                    layouts[name] = self._layout(node, slot, layouts)
        return layouts

    def _layout(
        self, node: Node, slot: int, layouts: dict[str, tuple[str, Strides | None]]
    ) -> tuple[str, Strides | None]:
        operator = self.operators.of(node)
        new = (node.outputs[slot], self._contiguous(node.outputs[slot]))
        if operator is None or operator.view is None or not node.inputs or not node.inputs[0]:
            return new
        source = node.inputs[0]
        storage, strides = layouts.get(source, (source, self._contiguous(source)))
        if strides is None:
            return new
        try:
            viewed = operator.view(Call(node, self.graph), slot, strides)
        except Undetermined:
            return new
        return new if viewed is None else (storage, viewed)

    def _contiguous(self, name: str) -> Strides | None:
        known = self.graph.values[name].sizes
        return None if known is None else contiguous(known)
