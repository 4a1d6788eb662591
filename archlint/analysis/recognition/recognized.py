"""The composites that have been found in a graph."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.frontends.properties import STEPS_FIRST
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.frames import STACK
from archlint.graph.program.modules import SCOPES
from archlint.graph.value import Shape, Value
from archlint.ops.composite.composite import Attributes, Composite
from archlint.ops.composite.rewritten import reshaping
from archlint.ops.operator import FRAMEWORK
from archlint.ops.registry import Operators

_KEPT = frozenset({STACK, SCOPES, STEPS_FIRST})


class Recognized(Struct):
    """The composites by the name of their new node, and the nodes that they replace.

    `lost` are the nodes of calls that torch.export names, but whose tensors are not found. With
    `only_sure`, what a program may as well have written out in steps is none.
    """

    operators: Operators
    only_sure: bool = False
    composites: dict[str, Node] = field(default_factory=dict)
    covered: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    before: dict[str, list[Node]] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def add(
        self,
        composite: Composite,
        nodes: Iterable[Node],
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        attributes: Attributes,
    ) -> str:
        """Replace `nodes` by one, whose name it returns; it stands where its first output was.

        It has what the metadata of the node that made that say of the program.
        """
        maker = next(node for node in nodes if not set(outputs).isdisjoint(node.outputs))
        self.covered.update(node.name for node in nodes)
        self.composites[maker.name] = Node(
            maker.name, composite.operator.name, FRAMEWORK, inputs, outputs, attributes,
            {key: text for key, text in maker.metadata.items() if key in _KEPT},
        )  # fmt: skip
        return maker.name

    def shown(self, graph: Graph) -> Graph:
        """Return `graph` with each group of nodes replaced by its composite."""
        if not self.covered:
            return graph
        nodes: list[Node] = []
        for node in graph.nodes:
            if node.name in self.composites or node.name not in self.covered:
                nodes.extend(self.before.get(node.name, ()))
                nodes.append(self.composites.get(node.name, node))
        values = {**graph.values, **self.values} if self.values else graph.values
        return replace(graph, nodes=tuple(nodes), values=values)

    def reshape(self, source: str, name: str, shape: Shape, user: str, graph: Graph) -> None:
        """Restore a reshape that an optimizer merged with its user, before the node `user`."""
        self.values[name] = replace(graph.values[source], name=name, shape=shape)
        self.before.setdefault(user, []).append(reshaping(source, name, user))
