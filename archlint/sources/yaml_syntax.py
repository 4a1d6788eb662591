"""Explains YAML syntax errors, with the place of the mistake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archlint.sources.yaml_text import Text, invalid_yaml

if TYPE_CHECKING:
    import yaml

    from archlint.sources.problem import Unreadable
    from archlint.sources.span import Span

_CLOSERS = {"{": "}", "[": "]"}
_BEFORE_QUOTE = r"(?<=[\s,:\[{])"
# Brackets, and the quoted texts and comments in which brackets do not count.
_BRACKETS = re.compile(
    rf"""{_BEFORE_QUOTE}"(?:\\.|[^"\\])*"|{_BEFORE_QUOTE}'(?:''|[^'])*'|(?<!\S)\#[^\n]*|[\[\]{{}}]""",
    re.DOTALL,
)


def syntax_error(text: Text, error: yaml.MarkedYAMLError) -> Unreadable:
    """Return the error for a text that the parser rejects."""
    mark = error.problem_mark or error.context_mark
    index = len(text.text) if mark is None else min(mark.index, len(text.text))
    place = text.span(index, min(index + 1, len(text.text)))
    return _in_something_open(text, error, place) or _at(text, error, place)


def _in_something_open(text: Text, error: yaml.MarkedYAMLError, place: Span) -> Unreadable | None:
    """Return the error for unclosed brackets and quotes, at the place where they were opened."""
    if error.context_mark is None:
        return None
    start, problem = error.context_mark.index, error.problem or ""
    opener = text.text[start : start + 1]
    if "quoted scalar" in (error.context or ""):
        return _unclosed(text, start, "quote") if "end of stream" in problem else None
    if opener not in _CLOSERS:
        return None
    if not _is_closed(text.text, start):
        return _unclosed(text, start, opener)
    if "',' or" not in problem:
        return None
    line, column = text.line_and_column(start)
    message = f"a comma or {_CLOSERS[opener]} is missing here, in the {opener} that starts at"
    return invalid_yaml(f"{message} {line}:{column}", span=place)


def _at(text: Text, error: yaml.MarkedYAMLError, place: Span) -> Unreadable:
    """Return any other error, at the place where the parser stopped."""
    here, message = text.text[place.start : place.end], error.problem or "this is not YAML"
    if "cannot start any token" in message:
        if here == "\t":
            return invalid_yaml("a tab where YAML allows only spaces", "indent with spaces", place)
        return invalid_yaml(f"{here!r} cannot start a value", "put the value in quotes", place)
    if message.startswith("mapping values are not allowed"):
        hint = "end the line above with a colon, or put a text that has a colon in quotes"
        return invalid_yaml(message, hint, place)
    if here in _CLOSERS.values():
        return invalid_yaml(f"this {here} closes nothing", "remove it", place)
    if error.context and error.context_mark is not None:
        line, column = text.line_and_column(error.context_mark.index)
        message += f", {error.context} that starts at {line}:{column}"
    return invalid_yaml(message, span=place)


def _unclosed(text: Text, start: int, word: str) -> Unreadable:
    """Return the error for a bracket or a quote at `start` that is never closed.

    A parser notices it only later in the text, far from the place that has to be corrected.
    """
    opener = text.text[start]
    closer = _CLOSERS.get(opener, opener)
    place = text.span(start, start + 1)
    return invalid_yaml(f"this {word} is never closed", f"end it with {closer}", place)


def _is_closed(text: str, start: int) -> bool:
    """Whether the bracket at `start` is closed: the number of open ones returns to zero."""
    depth = 0
    for match in _BRACKETS.finditer(text, start):
        if match[0] in _CLOSERS:
            depth += 1
        elif match[0] in _CLOSERS.values():
            depth -= 1
            if depth == 0:
                return True
    return False
