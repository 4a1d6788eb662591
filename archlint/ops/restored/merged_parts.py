"""Nodes inside of a call that torch.export's optimizer merged with those of an equal call.

The exporter writes attention as several nodes, one of which scales the keys. If two calls attend to
the same keys, the file scales them once, and the second call reads a tensor from the inside of the
first. It gets those nodes for itself again, so that each call is complete: only then can it be
recognized as the framework's operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import ExportedCall, base_name, exported_calls
from archlint.graph.value import Value


def with_own_parts(graph: Graph) -> Graph:
    """Return `graph` with nodes of its own for each call that reads from the inside of another."""
    return _Parts(graph).apart()


class _Parts(Struct, eq=False, dict=True):
    graph: Graph
    _before: dict[str, list[Node]] = field(default_factory=dict)
    _inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _values: dict[str, Value] = field(default_factory=dict)

    def apart(self) -> Graph:
        """Return the graph with calls that share no nodes."""
        for call in self._calls:
            for name in self._inside_of_others(call):
                self._separate(call, name)
        if not self._inputs:
            return self.graph
        nodes: list[Node] = []
        for node in self.graph.nodes:
            nodes += self._before.get(node.name, ())
            nodes.append(replace(node, inputs=self._inputs.get(node.name, node.inputs)))
        return replace(self.graph, nodes=tuple(nodes), values={**self.graph.values, **self._values})

    def _inside_of_others(self, call: ExportedCall) -> Iterator[str]:
        """Yield the tensors that a call reads from the inside of another of the same operator."""
        own = {node.name for node in call.nodes}
        for name in dict.fromkeys(name for node in call.nodes for name in node.inputs):
            maker = self.graph.producers.get(name)
            if maker is None or maker.name in own:
                continue
            dtype = self.graph.values[name].dtype
            if dtype is None or not dtype.is_float or not _is_product(call):
                continue
            other = self._call_of.get(maker.name)
            is_alike = other is not None and base_name(other.name) == base_name(call.name)
            if other is not None and is_alike and self._is_inside(name, other):
                yield name

    def _is_inside(self, name: str, call: ExportedCall) -> bool:
        """Whether a tensor is made on the way to the result of a call."""
        own = {node.name for node in call.nodes}
        users = self.graph.consumers.get(name, ())
        return name not in self.graph.outputs and any(user.name in own for user in users)

    def _separate(self, call: ExportedCall, name: str) -> None:
        parts = self._parts(name)
        names = {made: f"{made}#{call.name}" for part in parts for made in part.outputs if made}
        if not any(each in self.graph.producers for part in parts for each in part.inputs):
            return  # of weights alone
        self._values |= {
            own: replace(self.graph.values[made], name=own) for made, own in names.items()
        }
        user = call.nodes[0]
        before = self._before.setdefault(user.name, [])
        there = {node.name for node in before}
        for part in parts:
            own = f"{part.name}#{call.name}"
            if own not in there:
                inputs, outputs = _renamed(part.inputs, names), _renamed(part.outputs, names)
                before.append(
                    replace(part, name=own, inputs=inputs, outputs=outputs, metadata=user.metadata)
                )
        for node in call.nodes:
            read = self._inputs.get(node.name, node.inputs)
            self._inputs[node.name] = tuple(names[name] if each == name else each for each in read)

    def _parts(self, name: str) -> tuple[Node, ...]:
        """Return the nodes of a call that make a tensor inside of it, in order."""
        call = self._call_of[self.graph.producers[name].name]
        wanted, found = {name}, list[Node]()
        for node in reversed(call.nodes):
            if not wanted.isdisjoint(node.outputs):
                found.append(node)
                wanted.update(node.inputs)
        return tuple(reversed(found))

    @cached_property
    def _calls(self) -> tuple[ExportedCall, ...]:
        return exported_calls(self.graph)

    @cached_property
    def _call_of(self) -> Mapping[str, ExportedCall]:
        """The call of each node, by the name of the node."""
        return {node.name: call for call in self._calls for node in call.nodes}


def _is_product(call: ExportedCall) -> bool:
    return any(node.op == "MatMul" for node in call.nodes)


def _renamed(names: tuple[str, ...], new: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(new.get(name, name) for name in names)
