"""A YAML file that was read: its text, its tree, and its problems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.sources.yaml_node import Mapping, Node, Sequence, resolve
from archlint.sources.yaml_scalar import Plain, value
from archlint.sources.yaml_text import Text, decode, invalid_yaml, portability

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

    from archlint.sources.problem import Problem
    from archlint.sources.span import Span

    Data: TypeAlias = Plain | list["Data"] | dict[str, "Data"]

_LARGEST_FILE = 16 * 2**20
_OURS = re.compile(r"""^\s*\{?\s*["']?archlint["']?\s*:""", re.MULTILINE)
_OURS_IN_BLOCK = re.compile(r"""^["']?archlint["']?\s*:""", re.MULTILINE)


class YamlDocument(Struct, frozen=True, eq=False, dict=True):
    """One YAML file: its text without byte-order mark, its tree (None if empty), its problems."""

    text: Text
    root: Node | None
    problems: tuple[Problem, ...] = ()

    def find(self, path: tuple[str | int, ...]) -> Node | None:
        """Return the node at a path of keys and indices, None where there is none."""
        node = self.root
        for step in path:
            inside = None if node is None else resolve(node)
            if isinstance(inside, Mapping) and isinstance(step, str):
                entry = inside.get(step)
                node = None if entry is None else entry.value
            elif isinstance(inside, Sequence) and isinstance(step, int):
                node = inside.items[step] if 0 <= step < len(inside.items) else None
            else:
                return None
        return node

    def locate(self, path: tuple[str | int, ...]) -> Span | None:
        """Return the span of the value at `path`, or of its key where the value is empty."""
        node = self.find(path)
        if node is None:
            return None
        if node.span.start == node.span.end and path:
            return self.locate_key(path)
        return node.span

    @property
    def start(self) -> Span | None:
        """The span of the first key, which stands for the whole file."""
        entries = self.root.entries if isinstance(self.root, Mapping) else ()
        return entries[0].key.span if entries else None

    def nearest(self, path: tuple[str | int, ...]) -> Span | None:
        """Return the span of the value at `path`, or of the nearest key around it, or the start."""
        found = self.locate(path)
        for length in range(len(path) - 1, 0, -1):
            if found is not None:
                break
            found = self.locate_key(path[:length])
        return found or self.start

    def locate_key(self, path: tuple[str | int, ...]) -> Span | None:
        """Return the span of the key at the end of `path`; of the item where that is an index."""
        *parent, last = path
        holder = self.find(tuple(parent))
        inside = None if holder is None else resolve(holder)
        if isinstance(inside, Mapping) and isinstance(last, str):
            entry = inside.get(last)
            return None if entry is None else entry.key.span
        node = self.find(path)
        return None if node is None else node.span


def read_yaml(path: Path) -> YamlDocument:
    """Read a YAML file; raises Unreadable where it cannot be parsed."""
    return parse_yaml(_read(path))


def parse_yaml(data: bytes) -> YamlDocument:
    """Read YAML from bytes; raises Unreadable where they cannot be parsed."""
    from archlint.sources.yaml_composer import compose

    text = decode(data)
    root, problems = compose(text)
    return YamlDocument(text, root, (*portability(text), *problems))


def is_architecture(path: Path) -> bool:
    """Whether a YAML file is an architecture: its top level has `archlint`. A cheap check."""
    try:
        with path.open("rb") as file:
            return mentions_archlint(file.read(_LARGEST_FILE))
    except OSError:
        return False


def mentions_archlint(data: bytes) -> bool:
    """Whether bytes look like an architecture file: `archlint:` is at the top level."""
    text = data.decode("utf-8-sig", errors="replace")
    pattern = _OURS if text.lstrip().startswith("{") else _OURS_IN_BLOCK
    return pattern.search(text) is not None


def plain(node: Node) -> Data:
    """Return a tree as plain Python data; its size was bounded when it was read."""
    node = resolve(node)
    if isinstance(node, Mapping):
        return {entry.key.text: plain(entry.value) for entry in node.merged()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return value(node)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise invalid_yaml("the file is larger than 16 MiB", "split it with imports")
    return data
