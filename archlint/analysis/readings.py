"""What the outputs of nodes read: the order in which fields are worked out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from archlint.analysis.sights import Look, Sights
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Shape
from archlint.record import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable


@record(eq=False)
class Reading:
    """An output of a node, of shape `shape`, and what it reads: `looks` at the tensors `sources`.

    `lost` is the reason where it is not known what is read. A node with graphs inside is one
    reading of all its outputs, with all that it is given as the sources.
    """

    node: Node
    outputs: tuple[str, ...]
    shape: Shape
    looks: Sequence[Look]
    sources: Sequence[str]
    lost: str | None = None


@record(eq=False)
class Readings:
    """The readings of a graph that depend on the contents of its inputs, in order.

    `data` are the tensors that do. `inside` are the readings of the graphs inside a node, by its
    name.
    """

    graph: Graph
    data: frozenset[str]
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


def readings_of(graph: Graph, sights: Sights, given: Iterable[str]) -> Readings:
    """Return what is read of the tensors `given`, and of what is made of them."""
    data, readings = set(given), list[Reading]()
    nested, inside = graph.inner, dict[str, Sequence[Readings]]()
    for node in graph.nodes:
        if node.name in nested:
            sources = graph.operands(node)
            if not data.isdisjoint(sources):
                outputs = tuple(filter(None, node.outputs))
                data.update(outputs)
                readings.append(Reading(node, outputs, (), (), sources))
                inside[node.name] = [
                    readings_of(inner, sights, data.intersection(inner.captures) | {*inner.inputs})
                    for inner in nested[node.name]
                ]
        elif not data.isdisjoint(node.inputs):
            found = _of_node(node, graph, sights, data)
            data.update([reading.outputs[0] for reading in found])
            readings += found
    return Readings(graph, frozenset(data), inside, readings)


def _of_node(node: Node, graph: Graph, sights: Sights, data: set[str]) -> list[Reading]:
    """Return what the outputs of a node read of the tensors in `data`, those that read any."""
    inputs, found = node.inputs, []
    for name, looks in zip(node.outputs, sights.of(node, graph), strict=True):
        if not name:
            continue
        shape = graph.values[name].shape or ()
        if isinstance(looks, str):
            found.append(Reading(node, (name,), shape, (), inputs, lost=looks))
            continue
        sources = [inputs[look.slot] for look in looks]
        if not data.isdisjoint(sources):
            found.append(Reading(node, (name,), shape, looks, sources))
    return found
