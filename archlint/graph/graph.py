"""The graph: nodes in topological order, values by name, and their producers and consumers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from archlint.graph.conflict import Conflict
from archlint.graph.node import Node
from archlint.graph.value import Value
from archlint.graph.weight import Weight

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.reading.kind import CallKind


class Graph(Struct, frozen=True, eq=False, dict=True):
    """One model as plain objects: no protobuf, no weight bytes, shapes inferred.

    `nodes` are in topological order. `inputs` and `outputs` are names; an initializer that is also
    listed as an input counts as stored, not as an input. `constants` holds the contents of small
    tensors that are known without running the model (shape operands, axes, scalars).

    `unknown` gives the reason why a tensor has no full shape, unless it is only that something
    before it is unknown. `refusals` are onnx's reasons, by the first output, for calls that
    contradict their operator. `conflicts` are declared shapes that differ from the inferred ones.
    `unused_bindings` are names in the target that match no dimension. `trips` counts the iterations
    of loop nodes, where known. `kinds` holds an object for each node, the same for equal calls, as
    long as the values are those that were read (`values_read`).

    In a nested graph (a branch, the body of a loop), `captures` names the tensors of the
    surrounding graphs that it uses; `values` and `constants` hold these too.
    """

    name: str
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    values: Mapping[str, Value]
    weights: Mapping[str, Weight]
    constants: Mapping[str, np.ndarray]
    metadata: Mapping[str, str]
    unknown: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    unused_bindings: tuple[str, ...] = ()
    trips: Mapping[str, int] = field(default_factory=dict)
    captures: tuple[str, ...] = ()
    kinds: Mapping[Node, CallKind] = field(default_factory=dict)
    values_read: Mapping[str, Value] | None = None

    @cached_property
    def producers(self) -> dict[str, Node]:
        """The node that computes each tensor."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    @cached_property
    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that use each tensor, also in a subgraph, in graph order, each once."""
        users: dict[str, list[Node]] = {}
        nested = self.inner
        for node in self.nodes:
            names = self.operands(node) if node.name in nested else node.inputs
            for name in dict.fromkeys(names) if len(names) > 1 else names:
                if name:
                    users.setdefault(name, []).append(node)
        return users

    @cached_property
    def inner(self) -> dict[str, tuple[Graph, ...]]:
        """The subgraphs of nodes by the name of the node: two branches, or the body of a loop."""
        inner = {}
        for node in self.nodes:
            graphs = tuple([value for value in node.attributes.values() if type(value) is Graph])
            if graphs:
                inner[node.name] = graphs
        return inner

    def operands(self, node: Node) -> tuple[str, ...]:
        """Return the tensors that a node uses: its inputs, and the captures of its subgraphs."""
        graphs = self.inner.get(node.name)
        if graphs is None:
            return node.inputs
        return (*node.inputs, *(name for graph in graphs for name in graph.captures))

    def kind(self, node: Node) -> CallKind | None:
        """Return the kind of a call, one object for all equal calls.

        None where it is not known, as for nodes and values that were made after reading.
        """
        return self.kinds.get(node) if self.values_read is self.values else None

    @property
    def is_from_pytorch(self) -> bool:
        """Whether PyTorch exported the file, so that weights are named after their modules."""
        return self.metadata.get("producer_name") == "pytorch"

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by their names."""
        return {node.name: node for node in self.nodes}
