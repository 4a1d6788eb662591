"""Which inputs the outputs of nodes read, and the order in which fields are computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.analysis.receptive_field.node_looks import Look, NodeLooks
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class Reading(Struct, frozen=True, eq=False):
    """An output of a node, of shape `shape`, and what it reads: `looks` at the tensors `sources`.

    The sources are the inputs that depend on data. `lost` is the reason where the links are not
    known. A node with nested graphs is one reading of all its outputs, with all its inputs as
    sources.
    """

    node: Node
    outputs: tuple[str, ...]
    shape: Shape
    looks: Sequence[Look]
    sources: Sequence[str]
    lost: str | None = None


class Readings(Struct, frozen=True, eq=False):
    """The readings of a graph that depend on the contents of its inputs, in order.

    `data` are the tensors that do. Most of them read another one element by element: those are not
    readings, but `same` maps them to the tensor at the start of their chain, to which the sources
    refer. `inside` are the readings of nested graphs, by the name of their node.
    """

    graph: Graph
    data: frozenset[str]
    same: Mapping[str, str]
    inside: Mapping[str, Sequence[Readings]]
    _readings: Sequence[Reading]

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._readings)

    def after(self, name: str) -> Readings:
        """Return those that depend on the contents of one tensor."""
        reached, readings = {name}, []
        for reading in self._readings:
            if not reached.isdisjoint(reading.sources):
                reached.update(reading.outputs)
                readings.append(reading)
        return replace(self, _readings=readings)

    def since(self, count: int) -> Readings:
        """Return those after so many."""
        return replace(self, _readings=self._readings[count:])

    def spread(self, known: dict[str, T]) -> None:
        """Copy results to the tensors that are the same as others."""
        for name, source in self.same.items():
            if source in known:
                known[name] = known[source]


def readings_of(graph: Graph, looks: NodeLooks, given: Iterable[str]) -> Readings:
    """Return the readings of the tensors `given`, and of tensors computed from them."""
    return _Reader(graph, looks, set(given)).read()


class _Reader(Struct):
    """The state of a pass through a graph.

    `chosen` are outputs of nodes with several nested graphs, whose shapes may differ.
    """

    graph: Graph
    looks: NodeLooks
    data: set[str]
    same: dict[str, str] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)
    inside: dict[str, Sequence[Readings]] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)

    def read(self) -> Readings:
        nested = self.graph.inner
        for node in self.graph.nodes:
            if node.name in nested:
                if not self.data.isdisjoint(self.graph.operands(node)):
                    self._read_inside(node, nested[node.name])
            elif not self.data.isdisjoint(node.inputs):
                self._read(node)
        return Readings(self.graph, frozenset(self.data), self.same, self.inside, self.readings)

    def _read_inside(self, node: Node, graphs: Iterable[Graph]) -> None:
        """Read a node with nested graphs, which capture outer tensors by their names."""
        outputs = tuple(filter(None, node.outputs))
        sources = [self.same.get(name, name) for name in self.graph.operands(node)]
        self.inside[node.name] = [
            _Reader(
                inner,
                self.looks,
                self.data.intersection(inner.captures) | {*inner.inputs},
                {name: self.same[name] for name in inner.captures if name in self.same},
                self.chosen,
            ).read()
            for inner in graphs
        ]
        self.data.update(outputs)
        self.chosen.update(outputs)
        self.readings.append(Reading(node, outputs, (), (), sources))

    def _read(self, node: Node) -> None:
        """Record the data that the outputs of a node read, if any."""
        inputs, values, data, same = node.inputs, self.graph.values, self.data, self.same
        found = []
        for name, looks in zip(node.outputs, self.looks.of(node, self.graph), strict=True):
            if not name:
                continue
            shape = values[name].shape or ()
            if isinstance(looks, str):
                found.append(name)
                sources = [same.get(each, each) for each in inputs]
                self.readings.append(Reading(node, (name,), shape, (), sources, looks))
                continue
            seen = [look for look in looks if inputs[look.slot] in data]
            if not seen:
                continue
            found.append(name)
            read = [inputs[look.slot] for look in seen]
            sources = [same.get(each, each) for each in read]
            if len(seen) == 1 and seen[0].is_pointwise and self._is_of(read[0], shape):
                same[name] = sources[0]
            else:
                self.readings.append(Reading(node, (name,), shape, seen, sources))
        data.update(found)

    def _is_of(self, name: str, shape: Shape) -> bool:
        return self.graph.values[name].shape == shape and name not in self.chosen
