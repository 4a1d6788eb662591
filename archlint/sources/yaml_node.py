"""YAML nodes with a span for every key and value; aliases are not expanded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from archlint.sources.span import Span


class Scalar(Struct, frozen=True, eq=False):
    """A single value, as its text; `plain` means that it is neither quoted nor a block scalar."""

    text: str
    plain: bool
    span: Span

    @property
    def size(self) -> int:
        """The number of nodes in it."""
        return 1

    @property
    def depth(self) -> int:
        """The nesting depth of collections."""
        return 0


class Sequence(Struct, frozen=True, eq=False):
    """A list; `size` and `depth` count with every alias expanded."""

    items: tuple[Node, ...]
    span: Span
    size: int
    depth: int


class Entry(Struct, frozen=True, eq=False):
    """One key of a mapping, with its value."""

    key: Scalar
    value: Node


class Mapping(Struct, frozen=True, eq=False):
    """A mapping, in the order of the file; duplicate keys and merge keys (`<<`) stay visible."""

    entries: tuple[Entry, ...]
    span: Span
    size: int
    depth: int

    def get(self, word: str) -> Entry | None:
        """The entry for the key `word`; its own entries win over merged ones."""
        return next((entry for entry in self.merged() if entry.key.text == word), None)

    def merged(self) -> Iterator[Entry]:
        """Yield each key once: its own entries first, then those that `<<` brings in."""
        seen: set[str] = set()
        waiting: list[Node] = [self]
        while waiting:
            mapping = resolve(waiting.pop(0))
            if isinstance(mapping, Sequence):
                waiting[:0] = mapping.items
            if not isinstance(mapping, Mapping):
                continue
            sources: list[Node] = []
            for entry in mapping.entries:
                if entry.key.plain and entry.key.text == MERGE:
                    sources.append(entry.value)
                elif entry.key.text not in seen:
                    seen.add(entry.key.text)
                    yield entry
            waiting[:0] = sources


class Alias(Struct, frozen=True, eq=False):
    """A use of an anchor (`*name`), with the node that it refers to."""

    name: str
    target: Node
    span: Span

    @property
    def size(self) -> int:
        """The number of nodes in its target."""
        return self.target.size

    @property
    def depth(self) -> int:
        """The nesting depth of collections in its target."""
        return self.target.depth


Node: TypeAlias = Scalar | Sequence | Mapping | Alias

MERGE = "<<"


def resolve(node: Node) -> Scalar | Sequence | Mapping:
    """Return the node that an alias refers to; any other node is returned unchanged."""
    while isinstance(node, Alias):
        node = node.target
    return node
