"""The storages behind the tensors of a graph, and the bytes of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.amount import Unknown
from archlint.analysis.memory.layouts import Layouts
from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.ops.call import sizes
from archlint.ops.registry import Operators
from archlint.ops.strides import Strides
from archlint.ops.undetermined import Undetermined


class Storages(Struct, frozen=True, dict=True):
    """The storage behind every tensor of a graph.

    A storage goes by the name of the tensor that it was made for; a view (a reshape, a slice, a
    transposition) shares the storage of its input. `float_bytes` is the width that a float32 tensor
    of the file has in training, 2 where the whole training runs in half precision.
    """

    layouts: Layouts
    float_bytes: int = 4

    @property
    def graph(self) -> Graph:
        """The graph whose tensors lie in these storages."""
        return self.layouts.graph

    @property
    def operators(self) -> Operators:
        """The operators that the nodes of the graph are calls of."""
        return self.layouts.operators

    def inside(self, graph: Graph) -> Storages:
        """Return the storages of a nested graph."""
        return replace(self, layouts=self.layouts.on(graph))

    def of(self, name: str) -> str:
        """Return the storage behind a tensor."""
        layout = self.layouts.placements.get(name)
        return name if layout is None else layout[0]

    def strides(self, name: str) -> Strides | None:
        """Return the strides of a tensor in its storage, None where its shape is not known."""
        layout = self.layouts.placements.get(name)
        return self.layouts.contiguous(name) if layout is None else layout[1]

    def nbytes(self, storage: str) -> int:
        """Return the bytes of a storage; undetermined where its size is not known."""
        return self.known_bytes(storage) or self._nbytes(storage)

    @cached_property
    def known_bytes(self) -> Callable[[str], int]:
        """The bytes of a storage, 0 where its size is not known.

        Callers that add these up must report `unknown`, which names the missing storages.
        """
        return cache(lambda storage: _or_zero(self._nbytes, storage))

    @cached_property
    def gradient_bytes(self) -> Callable[[str], int]:
        """The bytes of a new tensor of the same shape and type, 0 where unknown."""
        return cache(lambda name: _or_zero(self._tensor_bytes, name))

    def _nbytes(self, storage: str) -> int:
        return self._tensor_bytes(self._room(storage))

    def _tensor_bytes(self, name: str) -> int:
        value = self.graph.values[name]
        if value.dtype is None:
            raise Undetermined(f"the element type of {name!r} is not known")
        sizes(value)
        stored = value.nbytes or 0
        return stored * self.float_bytes // 4 if value.dtype is DType.FLOAT32 else stored

    def _room(self, storage: str) -> str:
        """Return the tensor that determines the size of a storage, usually itself."""
        maker = self.graph.producers.get(storage)
        operator = None if maker is None else self.operators.of(maker)
        slot = None if operator is None else operator.storage.allocated_like
        if maker is None or slot is None:
            return storage
        like = maker.inputs[slot] if slot < len(maker.inputs) else ""
        return like or storage

    def unknown(self, made: Mapping[str, Iterable[str]]) -> tuple[Unknown, ...]:
        """Name the inputs and the storages `made` by nodes, by name, whose sizes are not known."""
        found = [Unknown(name, "input", why) for name, why in self._reasons(self.graph.inputs)]
        for name, storages in made.items():
            op = self.graph.by_name[name].op
            found += [Unknown(name, op, why) for _, why in self._reasons(storages)]
        return tuple(found)

    def _reasons(self, storages: Iterable[str]) -> Iterator[tuple[str, str]]:
        for storage in storages:
            if self.known_bytes(storage):
                continue
            try:
                self.nbytes(storage)
            except Undetermined as reason:
                yield storage, str(reason)


def _or_zero(measure: Callable[[str], int], name: str) -> int:
    try:
        return measure(name)
    except Undetermined:
        return 0
