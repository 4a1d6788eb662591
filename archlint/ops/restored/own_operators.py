"""Gives readers operators of their own, where an exporter wrote one operator for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.modules import SCOPES, Path, scopes
from archlint.graph.value import Value
from archlint.ops.restored.twins import MAY_REPEAT


class OwnOperators(Struct, eq=False, dict=True):
    """The operators that were added to `graph` so far, and who reads them."""

    graph: Graph
    _inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _values: dict[str, Value] = field(default_factory=dict)
    _before: dict[str, list[Node]] = field(default_factory=dict)
    _made: dict[tuple[str, str], str] = field(default_factory=dict)

    def give(
        self,
        reader: Node,
        tensor: str,
        made_by: Iterable[Node],
        tag: str,
        calls_of: Callable[[Node], Iterable[Path]],
    ) -> None:
        """Let a node read a tensor of its own, made by operators like `made_by`.

        They come in order, stand in front of the first of their readers and have `tag` in their
        names; readers of the same tag share them. `calls_of` tells the calls of modules that the
        new operators are part of.
        """
        for node in made_by:
            if (tag, node.output) in self._made:
                continue
            for name in filter(None, node.outputs):
                own = self._made[tag, name] = f"{name}#{tag}"
                self._values[own] = replace(self.graph.values[name], name=own)
            new = replace(
                node,
                name=f"{node.name}#{tag}",
                inputs=self._own(tag, node.inputs),
                outputs=self._own(tag, node.outputs),
                metadata={**node.metadata, SCOPES: scopes(calls_of(node))},
            )
            self._before.setdefault(reader.name, []).append(new)
        own = self._made[tag, tensor]
        read = self._inputs.get(reader.name, reader.inputs)
        self._inputs[reader.name] = tuple(own if name == tensor else name for name in read)

    def _own(self, tag: str, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._made.get((tag, name), name) for name in names)

    def whole(self, doubted: Mapping[str, int] | None = None) -> Graph:
        """Return the graph with these operators; `doubted` nodes may have run so often more."""
        if not (self._inputs or doubted):
            return self.graph
        nodes = [each for node in self.graph.nodes for each in self._shown(node, doubted or {})]
        return replace(self.graph, nodes=tuple(nodes), values={**self.graph.values, **self._values})

    def _shown(self, node: Node, doubted: Mapping[str, int]) -> Iterator[Node]:
        """Yield a node after those that were made for it."""
        yield from self._before.get(node.name, ())
        read, more = self._inputs.get(node.name), doubted.get(node.name)
        if more:
            node = replace(node, attributes={**node.attributes, MAY_REPEAT: more})
        yield node if read is None else replace(node, inputs=read)
