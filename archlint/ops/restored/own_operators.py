"""Gives readers operators of their own, where an exporter wrote one operator for all.

`repeated_calls`, `called_again` and `perhaps_merged` decide which nodes read a tensor that they may
have made for themselves. Such a reader then reads a copy, made by copies of the same nodes:
`/blocks.0/act/Relu` has the copy `/blocks.0/act/Relu#blocks.1` for `/blocks.1/fc/MatMul`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import field

from archlint.graph.node import Node
from archlint.graph.program.modules import SCOPES, Path, scopes
from archlint.ops.restored.graph_edit import GraphEdit


class OwnOperators(GraphEdit, eq=False):
    """The operators that were added to `graph` so far, and who reads them."""

    _names: dict[str, dict[str, str]] = field(default_factory=dict)  # of new tensors, by tag

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
        names = self._names.setdefault(tag, {})
        for node in made_by:
            if node.output not in names:
                names.update((name, f"{name}#{tag}") for name in node.outputs if name)
                metadata = {**node.metadata, SCOPES: scopes(calls_of(node))}
                self.copy(node, names, reader, tag, metadata)
        self.read_instead(reader, tensor, names[tensor])
