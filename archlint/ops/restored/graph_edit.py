"""Changes to a graph that are collected one by one, and made all at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Attribute, Node
from archlint.graph.program.calls import ExportedCall
from archlint.graph.program.replaced_tensors import reading
from archlint.graph.value import Role, Value
from archlint.graph.weight import Weight

Metadata: TypeAlias = Mapping[str, str]


class GraphEdit(Struct, eq=False):
    """The changes that were made to `graph` so far, which itself stays as it is.

    `values` and `weights` come in addition to those of the graph, or in their place. A stored
    tensor that is computed now is no weight anymore. `removed` are names of nodes.
    """

    graph: Graph
    values: dict[str, Value] = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    _before: dict[str, list[Node]] = field(default_factory=dict)
    _changed: dict[str, Node] = field(default_factory=dict)

    def inputs(self, node: Node) -> tuple[str, ...]:
        """Return what a node of the graph reads now."""
        return self._changed.get(node.name, node).inputs

    def has(self, tensor: str) -> bool:
        """Whether a tensor is in the graph now."""
        return tensor in self.values or tensor in self.graph.values

    def insert(self, node: Node, before: Node) -> None:
        """Put a new node in front of one of the graph, behind what was put there already."""
        self._before.setdefault(before.name, []).append(node)

    def compute(self, node: Node, like: str, before: Node) -> None:
        """Insert a node whose output has the shape and the dtype of another tensor."""
        self.values[node.output] = replace(
            self.graph.values[like], name=node.output, role=Role.COMPUTED
        )
        self.insert(node, before)

    def copy(
        self, node: Node, names: Mapping[str, str], before: Node, tag: str, metadata: Metadata
    ) -> None:
        """Insert a copy of a node, with `tag` in its name, which reads and makes `names`."""
        for name in filter(None, node.outputs):
            self.values[names[name]] = replace(self.graph.values[name], name=names[name])
        new = replace(
            node,
            name=f"{node.name}#{tag}",
            inputs=tuple(names.get(name, name) for name in node.inputs),
            outputs=tuple(names.get(name, name) for name in node.outputs),
            metadata=metadata,
        )
        self.insert(new, before)

    def store(self, value: Value, metadata: Metadata | None = None) -> None:
        """Add a stored tensor."""
        self.values[value.name] = value
        self.weights[value.name] = Weight(value.name, metadata or {})

    def change(self, node: Node, changed: Node) -> None:
        """Put another node in the place of one of the graph."""
        self._changed[node.name] = changed

    def read(self, node: Node, inputs: tuple[str, ...]) -> None:
        """Let a node of the graph read other tensors."""
        self._changed[node.name] = replace(self._changed.get(node.name, node), inputs=inputs)

    def read_instead(self, node: Node, tensor: str, other: str) -> None:
        """Let a node of the graph read `other` wherever it reads `tensor`."""
        self.read(node, tuple(other if name == tensor else name for name in self.inputs(node)))

    def read_at(self, node: Node, slots: Collection[int], tensor: str) -> None:
        """Let a node of the graph read a tensor in some of its slots."""
        read = enumerate(self.inputs(node))
        self.read(node, tuple(tensor if slot in slots else name for slot, name in read))

    def restore_operand(self, call: ExportedCall, gone: str, tensor: str, restored: str) -> None:
        """Let a call read `restored` for what it names `gone`, in whose place it reads `tensor`."""
        for node in call.nodes:
            self.read_at(node, reading(call, node, self.graph, gone, tensor), restored)

    def set_attributes(self, node: Node, attributes: Mapping[str, Attribute]) -> None:
        """Give a node of the graph attributes besides its own, or in their place."""
        now = self._changed.get(node.name, node)
        self._changed[node.name] = replace(now, attributes={**now.attributes, **attributes})

    def edited(self) -> Graph:
        """Return the graph with all changes; the graph itself if no node changes."""
        if not (self._before or self._changed or self.removed):
            return self.graph
        nodes: list[Node] = []
        for node in self.graph.nodes:
            nodes += self._before.get(node.name, ())
            if node.name not in self.removed:
                nodes.append(self._changed.get(node.name, node))
        computed = {name for name, value in self.values.items() if value.role is Role.COMPUTED}
        weights = {**self.graph.weights, **self.weights}
        return replace(
            self.graph,
            nodes=tuple(nodes),
            values={**self.graph.values, **self.values} if self.values else self.graph.values,
            weights={name: weights[name] for name in weights if name not in computed},
        )
