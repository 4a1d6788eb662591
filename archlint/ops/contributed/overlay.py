"""A call seen with other shapes: transposed, or channels first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from archlint.graph.value import Value
from archlint.ops.call import Call


class Overlay(Mapping[str, Value]):
    """The tensors of a graph, some of which are replaced."""

    def __init__(self, others: Mapping[str, Value], tensors: Mapping[str, Value]) -> None:
        self.others = others
        self.tensors = tensors

    def __getitem__(self, name: str) -> Value:
        """The tensor, or its replacement."""
        return self.others[name] if name in self.others else self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        """The names of all tensors."""
        yield from self.tensors
        yield from (name for name in self.others if name not in self.tensors)

    def __len__(self) -> int:
        """The number of tensors."""
        return sum(1 for _ in self)


def seen(call: Call, others: Mapping[str, Value]) -> Call:
    """Return the call with some of its tensors replaced by `others`."""
    return Call(call.node, replace(call.graph, values=Overlay(others, call.graph.values)))
