"""Restores equal calls that an optimizer merged into one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import as_call, base_name, exported_calls, skipped
from archlint.graph.value import Value
from archlint.record import record, replace


def with_twins(graph: Graph) -> Graph:
    """Return `graph` with nodes of its own for each call that was merged into an equal one.

    The record of torch.export names the tensor that a call reads. Where it is not in the file, and
    the one that is read instead was made by a call of the same name, that is its twin. It stands
    where its tensor is needed first, as in the program as far as can be told.
    """
    twins: dict[str, str] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    for call, gone, tensor in skipped(graph):
        maker = graph.producers.get(tensor)
        is_equal = maker is not None and base_name(gone) == base_name(tensor)
        if maker is not None and is_equal and len(maker.outputs) == 1:
            twins[gone] = tensor
            for node in call.nodes:
                read = inputs.get(node.name, node.inputs)
                inputs[node.name] = tuple(gone if name == tensor else name for name in read)
    return _Twins(graph, twins, inputs).apart() if twins else graph


@record(slots=False, frozen=False, eq=False)
class _Twins:
    """The twins of tensors by name, and what the nodes read where that are twins."""

    graph: Graph
    twins: Mapping[str, str]
    inputs: Mapping[str, tuple[str, ...]]
    _values: dict[str, Value] = field(default_factory=dict)

    def apart(self) -> Graph:
        nodes: list[Node] = []
        places = self._places()
        for index, node in enumerate(self.graph.nodes):
            for twin in places.get(index, ()):
                nodes += self._made(twin)
            nodes.append(replace(node, inputs=self._read(node)))
        return replace(self.graph, nodes=tuple(nodes), values={**self.graph.values, **self._values})

    def _places(self) -> dict[int, list[str]]:
        """Return the twins that each node needs first, in their order, by the index of the node."""
        nodes, needed = self.graph.nodes, dict[str, int]()
        for index, node in enumerate(nodes):
            for name in self._read(node):
                needed.setdefault(name, index)
        order = {node.name: index for index, node in enumerate(nodes)}
        made_at = {
            twin: order[self.graph.producers[name].name] for twin, name in self.twins.items()
        }
        for twin in sorted(made_at, key=made_at.__getitem__, reverse=True):
            needed.setdefault(twin, len(nodes))
            for name in (name for part in self._parts(twin) for name in self._read(part)):
                needed[name] = min(needed.get(name, len(nodes)), needed[twin])
        places: dict[int, list[str]] = {}
        for twin in sorted(made_at, key=made_at.__getitem__):
            places.setdefault(needed[twin], []).append(twin)
        return places

    def _made(self, twin: str) -> Iterator[Node]:
        """Yield the nodes that make a twin."""
        parts, tensor = self._parts(twin), self.twins[twin]
        names = {name: f"{name}#{twin}" for part in parts for name in part.outputs if name}
        names[tensor] = twin
        values = self.graph.values
        self._values |= {new: replace(values[old], name=new) for old, new in names.items()}
        return (_twin(part, self._read(part), names, twin) for part in parts)

    def _read(self, node: Node) -> tuple[str, ...]:
        return self.inputs.get(node.name, node.inputs)

    def _parts(self, twin: str) -> tuple[Node, ...]:
        """Return the nodes of the call that a twin is another one of."""
        maker = self.graph.producers[self.twins[twin]]
        return self._calls.get(maker.name, (maker,))

    @cached_property
    def _calls(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes of the call that each node is one of."""
        return {node.name: call.nodes for call in exported_calls(self.graph) for node in call.nodes}


def _twin(node: Node, inputs: tuple[str, ...], names: Mapping[str, str], call: str) -> Node:
    """Return the node that does for `call` what this one does for its own; `names` are the new."""
    return replace(
        node,
        name=f"{node.name}#{call}",
        inputs=tuple(names.get(name, name) for name in inputs),
        outputs=tuple(names.get(name, name) for name in node.outputs),
        metadata=as_call(node, call),
    )
