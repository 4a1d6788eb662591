"""Finds the line and column of a TOML setting, which the standard library does not keep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.config.error import Key

Position = tuple[int, int]

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY})\s*\]")
_SETTING = re.compile(rf"\s*({_KEY})\s*=")
_AT = re.compile(r"\s*\(at line (\d+), column (\d+)\)$")


def position_of(text: str, key: Key) -> Position | None:
    """Return line and column, 1-based, of `key` in TOML `text`, or of the nearest key around it.

    Reads tables and settings line by line, which is exact except for multi-line strings that
    contain a line like a setting; an inline table has the position of its own key.
    """
    best: tuple[int, Position] | None = None
    table: Key = ()
    entries: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        setting = None if header else _SETTING.match(line)
        if header:
            table = _parts(header[2])
            if header[1] == "[[":
                entries[table] = entries.get(table, -1) + 1
                table = (*table, entries[table])
            here, start = table, header.start(2)
        elif setting:
            here, start = (*table, *_parts(setting[1])), setting.start(1)
        else:
            continue
        if here == key[: len(here)] and (best is None or len(here) > best[0]):
            best = len(here), (number, start + 1)
    return best[1] if best else None


def position_in_message(message: str) -> tuple[str, int | None, int | None]:
    """Split a message of the TOML reader into problem, line and column."""
    match = _AT.search(message)
    if match is None:
        return message.rstrip(), None, None
    return message[: match.start()], int(match[1]), int(match[2])


def _parts(written: str) -> Key:
    return tuple(part.strip("\"'") for part in re.findall(_PART, written))
