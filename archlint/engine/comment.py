"""Suppression comments in YAML: `# archlint: ignore[CODE, name] reason`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archlint.engine.suppression import Suppression
from archlint.sources.yaml_node import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.sources.span import Span
    from archlint.sources.yaml_document import YamlDocument
    from archlint.sources.yaml_node import Node

_COMMENT = re.compile(
    r"(?<!\S)#[ \t]*archlint:[ \t]*(?P<word>(?:ignore|disable|noqa)[\w-]*|[\w-]+(?=[ \t]*\[))[ \t]*"
    r"(?:\[(?P<rules>[^\]\n]*)\])?[ \t]*(?P<reason>[^\r\n]*)"
)


def comments(document: YamlDocument) -> list[Suppression]:
    """Return the suppressions that the comments of a document ask for."""
    text = document.text.text
    if document.root is None or "archlint:" not in text:
        return []
    matches = list(_COMMENT.finditer(text))
    if not matches:
        return []
    stretches = list(_stretches(document.root))
    scalars = [span for span, is_scalar in stretches if is_scalar]
    blocks = [span for span, is_scalar in stretches if not is_scalar]
    return [
        _suppression(match, document.text.span(match.start(), match.end()), text, blocks)
        for match in matches
        if not any(span.start <= match.start() < span.end for span in scalars)
    ]


def _suppression(match: re.Match[str], span: Span, text: str, blocks: list[Span]) -> Suppression:
    words = tuple(word.strip() for word in (match["rules"] or "").split(",") if word.strip())
    reason = match["reason"].strip()
    if match["word"] == "ignore-file":
        return Suppression(words, reason, span)
    if match["word"] != "ignore":
        return Suppression((), reason, span, lines=range(0), unknown=match["word"])
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    if before.strip():
        return Suppression(words, reason, span, ends=span.start_line)
    return Suppression(words, reason, span, lines=_next(blocks, span.start_line))


def _next(blocks: list[Span], line: int) -> range:
    """Return the lines of the first entry or item that starts below `line`."""
    below = [span for span in blocks if span.start_line > line]
    if not below:
        return range(0)
    first = min(span.start_line for span in below)
    return range(first, 1 + max(span.end_line for span in below if span.start_line == first))


def _stretches(root: Node) -> Iterator[tuple[Span, bool]]:
    """Yield the span of every scalar (True), and of every entry and item (False)."""
    pending: list[Node] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Scalar):
            yield node.span, True
        elif isinstance(node, Sequence):
            for item in node.items:
                yield item.span, False
            pending.extend(node.items)
        elif isinstance(node, Mapping):
            for entry in node.entries:
                yield _from_to(entry.key.span, entry.value.span), False
                yield entry.key.span, True
                pending.append(entry.value)


def _from_to(key: Span, value: Span) -> Span:
    """Return the span of a key with its value; an empty value stands at its key."""
    last = value if value.end > key.end else key
    return type(key)(
        key.start_line, key.start_column, last.end_line, last.end_column, key.start, last.end
    )
