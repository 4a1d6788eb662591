"""A compiled architecture file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import onnx

    from archlint.sources.problem import Problem
    from archlint.sources.span import Span
    from archlint.sources.yaml_document import YamlDocument
    from archlint.sources.yaml_node import Node


class Architecture(Struct, frozen=True, eq=False):
    """An architecture file as an ONNX model without weights.

    Each weight of `model` has its dims and, as metadata, its initializer; each node has
    `archlint.path`, a JSON array that leads to its layer in `document`. `target` is the unparsed
    section of that name. `problems` are those that did not prevent compilation.
    """

    document: YamlDocument
    model: onnx.ModelProto
    target: Node | None
    problems: tuple[Problem, ...]

    def locate(self, path: tuple[str | int, ...], key: str | None = None) -> Span | None:
        """Return the place of `path` in the file, or of the nearest key around it.

        With `key`, the place of that argument of the layer at `path`, where it is written.
        """
        if key is not None:
            span = self._argument(path, key)
            if span is not None:
                return span
        return self.document.nearest(path)

    def _argument(self, path: tuple[str | int, ...], key: str) -> Span | None:
        from archlint.sources.yaml_node import Mapping, resolve

        beside = self.document.locate((*path, key))
        if beside is not None:
            return beside
        node = self.document.find(path)
        item = None if node is None else resolve(node)
        words = [entry.key.text for entry in item.merged()] if isinstance(item, Mapping) else []
        spans = (self.document.locate((*path, word, key)) for word in words)
        return next((span for span in spans if span is not None), None)
