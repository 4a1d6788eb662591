"""Nodes inside of a call that torch.export's optimizer merged with those of an equal call.

The exporter writes attention as several nodes, one of which scales the keys. If two calls attend to
the same keys, the file scales them once, and the second call reads a tensor from the inside of the
first. It gets those nodes for itself again, so that each call is complete: only then can it be
recognized as the framework's operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import base_name
from archlint.graph.program.calls import ExportedCall, exported_calls
from archlint.ops.restored.graph_edit import GraphEdit


def with_own_parts(graph: Graph) -> Graph:
    """Return `graph` with nodes of its own for each call that reads from the inside of another."""
    return _Parts(graph, GraphEdit(graph)).apart()


class _Parts(Struct, eq=False, dict=True):
    graph: Graph
    edit: GraphEdit

    def apart(self) -> Graph:
        """Return the graph with calls that share no nodes."""
        for call in self._calls:
            for name in self._inside_of_others(call):
                self._separate(call, name)
        return self.edit.edited()

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
        user = next(node for node in call.nodes if name in node.inputs)
        for part in parts:
            if names[part.output] not in self.edit.values:
                self.edit.copy(part, names, user, call.name, user.metadata)
        for node in call.nodes:
            self.edit.read_instead(node, name, names[name])

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
