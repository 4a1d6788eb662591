"""Edits the text of an architecture file and leaves everything else unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlint.sources.yaml_node import Alias, Entry, Mapping, Scalar

if TYPE_CHECKING:
    from archlint.sources.yaml_document import YamlDocument


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """Replace the code points from `start` up to, but not including, `end` by `text`."""

    start: int
    end: int
    text: str

    def applied(self, text: str) -> str:
        """Return `text` with the change."""
        return text[: self.start] + self.text + text[self.end :]


def set_beside(
    document: YamlDocument, path: tuple[str | int, ...], key: str, value: str
) -> Splice | None:
    """Return the change that sets `key: value` beside the layer at `path`.

    An existing value is replaced, otherwise a line is added. A key such as `init.out_proj` is one
    entry of the mapping `init`. None where the layer is an alias, whose text is elsewhere, and
    where the value to be extended is not a mapping.
    """
    key, _, part = key.partition(".")
    item = document.find(path)
    if item is None or isinstance(item, Alias):
        return None
    whole = f"{key}: {{{part}: {value}}}" if part else f"{key}: {value}"
    if isinstance(item, Scalar):
        return _grown(document, item, whole)
    if not isinstance(item, Mapping):
        return None
    own = next((entry for entry in item.entries if entry.key.text == key), None)
    if own is not None and part:
        own = _inner(own, part)
        if own is None:
            return None
    if own is not None:
        replaced = own.value.span
        return None if isinstance(own.value, Alias) else Splice(replaced.start, replaced.end, value)
    return _added(document, item, whole)


def _inner(entry: Entry, part: str) -> Entry | None:
    """Return the entry called `part` of a key's mapping."""
    inside = entry.value
    entries = inside.entries if isinstance(inside, Mapping) else ()
    return next((each for each in entries if each.key.text == part), None)


def _grown(document: YamlDocument, item: Scalar, line: str) -> Splice:
    """A layer without arguments becomes a mapping: `- Linear` with a line below."""
    indent = " " * (item.span.start_column - 1)
    return Splice(item.span.end, item.span.end, f":{_newline(document)}{indent}{line}")


def _added(document: YamlDocument, item: Mapping, line: str) -> Splice | None:
    text = document.text.text
    if not item.entries:
        return None
    if text[item.span.start] == "{":
        brace = text.rindex("}", item.span.start, item.span.end)
        return Splice(brace, brace, f", {line}")
    first = item.entries[0]
    end = _end_of_line(text, _last_place(first))
    indent = " " * (first.key.span.start_column - 1)
    return Splice(end, end, f"{_newline(document)}{indent}{line}")


def _last_place(entry: Entry) -> int:
    return max(entry.key.span.end, entry.value.span.end)


def _end_of_line(text: str, place: int) -> int:
    ends = [found for found in (text.find("\r", place), text.find("\n", place)) if found >= 0]
    return min(ends, default=len(text))


def _newline(document: YamlDocument) -> str:
    return "\r\n" if "\r\n" in document.text.text else "\n"
