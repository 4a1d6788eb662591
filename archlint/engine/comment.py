"""Suppression comments in YAML: `# archlint: ignore[CODE, name] reason`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.config.selection import rule_words
from archlint.engine.suppression import Suppression
from archlint.sources.yaml_node import Mapping, Scalar, Sequence

if TYPE_CHECKING:
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
    stretches = _stretches(document.root)
    return [
        _suppression(match, document.text.span(match.start(), match.end()), text, stretches)
        for match in matches
        if not any(span.start <= match.start() < span.end for span in stretches.scalars)
    ]


class _Stretches(Struct, frozen=True):
    """The spans of all scalars, of all keys with their values, and of all items of lists."""

    scalars: list[Span]
    entries: list[Span]
    items: list[Span]


def _suppression(match: re.Match[str], span: Span, text: str, stretches: _Stretches) -> Suppression:
    words = rule_words([match["rules"] or ""])
    reason = match["reason"].strip()
    if match["word"] == "ignore-file":
        return Suppression(words, reason, span)
    if match["word"] != "ignore":
        return Suppression((), reason, span, lines=range(0), unknown=match["word"])
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    if before.strip():
        items = [item for item in stretches.items if _opens(item, text)]
        own = _own_lines(span.start_line, [*stretches.entries, *items], items)
        return Suppression(words, reason, span, own, span.start_line)
    blocks = stretches.entries + stretches.items
    return Suppression(words, reason, span, _next(blocks, span.start_line))


def _opens(item: Span, text: str) -> bool:
    """Whether a list item is the first text of its line after the dash."""
    return not text[text.rfind("\n", 0, item.start) + 1 : item.start].strip(" \t-")


def _own_lines(line: int, blocks: list[Span], items: list[Span]) -> frozenset[int]:
    """Return the lines that a comment on `line` applies to: those of the blocks that start there.

    Lines of items inside a block are excluded: the comment of a layer applies to its `init:`, but
    that of a group does not apply to its layers.
    """
    lines = {line}
    for opened in (block for block in blocks if block.start_line == line):
        lines.update(range(line, opened.end_line + 1))
    for inner in (item for item in items if item.start_line > line):
        lines.difference_update(range(inner.start_line, inner.end_line + 1))
    return frozenset(lines)


def _next(blocks: list[Span], line: int) -> range:
    """Return the lines of the first entry or item that starts below `line`."""
    below = [span for span in blocks if span.start_line > line]
    if not below:
        return range(0)
    first = min(span.start_line for span in below)
    return range(first, 1 + max(span.end_line for span in below if span.start_line == first))


def _stretches(root: Node) -> _Stretches:
    found = _Stretches([], [], [])
    pending: list[Node] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Scalar):
            found.scalars.append(node.span)
        elif isinstance(node, Sequence):
            found.items.extend(item.span for item in node.items)
            pending.extend(node.items)
        elif isinstance(node, Mapping):
            for entry in node.entries:
                found.entries.append(_from_to(entry.key.span, entry.value.span))
                found.scalars.append(entry.key.span)
                pending.append(entry.value)
    return found


def _from_to(key: Span, value: Span) -> Span:
    """Return the span of a key with its value; an empty value has the position of its key."""
    last = value if value.end > key.end else key
    return type(key)(
        key.start_line, key.start_column, last.end_line, last.end_column, key.start, last.end
    )
