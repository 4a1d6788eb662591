"""Caches the results of facets for equal calls, since networks repeat layers.

Most facets depend only on their own call. A facet is first evaluated on a call without its graph;
the result then holds for every call with the same operator, attributes, shapes, types and roles,
and equal contents of those inputs whose contents were read. A facet that reads anything else of the
graph, such as the producer of an input, is evaluated with the graph, for each call separately.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from msgspec import Struct, field

from archlint.ops.call import Call

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.graph.value import Value
    from archlint.ops.registry import Operators

_Answer = TypeVar("_Answer")


class _LooksAround(Exception):
    """Raised when a facet reads more than its own call."""


class _Asked(Mapping[str, "np.ndarray"]):
    """Known contents, recording the names that are read."""

    __slots__ = ("_constants", "names")

    def __init__(self, constants: Mapping[str, np.ndarray]) -> None:
        self._constants = constants
        self.names = set[str]()

    def __getitem__(self, name: str) -> np.ndarray:
        self.names.add(name)
        return self._constants[name]

    def __iter__(self) -> NoReturn:
        raise _LooksAround

    def __len__(self) -> NoReturn:
        raise _LooksAround


class _Alone:
    """The part of a graph that belongs to one call; other attributes raise `_LooksAround`."""

    __slots__ = ("constants", "opset", "values")

    def __init__(self, graph: Graph) -> None:
        self.values: Mapping[str, Value] = graph.values
        self.constants = _Asked(graph.constants)
        self.opset = graph.opset

    def __getattr__(self, _: str) -> NoReturn:
        raise _LooksAround


_AROUND = object()

_kind = attrgetter("dtype", "shape", "role")


class _Kind(Struct, eq=False):
    """Calls that are equal except for contents: the slots that matter, and the cached answers."""

    slots: tuple[int, ...] = ()
    answers: dict[Hashable, Any] = field(default_factory=dict)

    def contents(self, node: Node, graph: Graph) -> Hashable:
        """Return what the answer to a call of this kind depends on."""
        return tuple([_contents(graph.constants.get(node.inputs[slot])) for slot in self.slots])

    def learn(self, node: Node, asked: set[str]) -> None:
        """Add the inputs whose contents were read to the slots that matter."""
        counting = {slot for slot, name in enumerate(node.inputs) if name in asked}
        self.slots = tuple(sorted(counting.union(self.slots)))


class Answers(Struct, frozen=True, eq=False):
    """The answers of the facets of a model's operators.

    Exceptions are not cached: their text names the tensors of one call. Facets of plugins are not
    cached either: they may depend on names.
    """

    operators: Operators
    _kinds: dict[Hashable, _Kind] = field(default_factory=dict)

    def of(self, facet: Callable[[Call], _Answer], node: Node, graph: Graph) -> _Answer:
        """Return what `facet` answers for a node of `graph`; raises what it raises.

        The facet is a function that stays the same object from call to call.
        """
        # Facets of onnxruntime's and the framework's operators evaluate those of other operators.
        added = self.operators.added
        if node.domain or (added and ("", node.op) in added):
            return facet(Call(node, graph))
        same = graph.kind(node)
        key = (facet, *likeness(node, graph)) if same is None else (facet, same)
        try:
            kind = self._kinds.get(key)
        except TypeError:  # an attribute that is a tensor or a graph
            return facet(Call(node, graph))
        if kind is None:
            kind = self._kinds[key] = _Kind()
        found = kind.answers.get(kind.contents(node, graph) if kind.slots else (), self)
        if found is self:
            alone = _Alone(graph)
            try:
                found = facet(Call(node, cast("Graph", alone)))
            except _LooksAround:
                found = _AROUND
            kind.learn(node, alone.constants.names)
            kind.answers[kind.contents(node, graph)] = found
        return facet(Call(node, graph)) if found is _AROUND else cast("_Answer", found)


def likeness(node: Node, graph: Graph) -> list[Hashable]:
    """Return the key of a call: all properties except names and contents."""
    values = graph.values
    inputs = [_kind(values[name]) if name else None for name in node.inputs]
    outputs = [_kind(values[name]) if name else None for name in node.outputs]
    return [node.op, graph.opset, *node.attributes.items(), None, *inputs, None, *outputs]


def _contents(array: np.ndarray | None) -> Hashable:
    return None if array is None else (array.dtype.str, array.shape, array.tobytes())
