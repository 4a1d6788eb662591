"""Safe, aligned text on a terminal: escapes, colours, code frames."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import category, east_asian_width

if TYPE_CHECKING:
    from archlint.sources.span import Span

_WIDEST = 160
_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: str) -> str:
    """Return `text` on one line, with control characters written out.

    Names come from untrusted files: an escape sequence in one must not reach a terminal.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if category(char) not in _CONTROLS
        else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


class Paint:
    """Colours for a terminal, or none."""

    _CODES = {"error": "1;31", "warning": "1;33", "info": "1;36", "bold": "1", "dim": "2;34"}  # noqa: RUF012 - a table, never changed

    def __init__(self, *, color: bool) -> None:
        self._color = color

    def __call__(self, style: str, text: str) -> str:
        """Return `text` in `style`."""
        return f"\x1b[{self._CODES[style]}m{text}\x1b[0m" if self._color and text else text


def frame(text: str, span: Span, style: str, paint: Paint) -> list[str]:
    """Return the first line of `span` in `text` with its number, and carets below it."""
    lines = text.splitlines()
    if not 1 <= span.start_line <= len(lines):
        return []
    line = lines[span.start_line - 1]
    begin = min(span.start_column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.start_line else len(line.rstrip())
    end = max(begin + 1, min(end, len(line)))
    first = max(0, min(begin, end - _WIDEST // 2) - _WIDEST // 2) if len(line) > _WIDEST else 0
    shown, marked = line[first : first + _WIDEST], line[begin : min(end, first + _WIDEST)]
    number = str(span.start_line)
    bar = paint("dim", f"{' ' * len(number)} |")
    carets = "^" * max(1, _columns(_clean(marked)))
    pad = " " * _columns(_clean(line[first:begin]))
    return [
        bar,
        f"{paint('dim', f'{number} |')} {_clean(shown)}",
        f"{bar} {pad}{paint(style, carets)}",
    ]


def _clean(text: str) -> str:
    """Return source text with tabs of a fixed width, so that carets are aligned."""
    return visible(text.replace("\t", "    "))


def _columns(text: str) -> int:
    """Return the number of columns that `text` takes on a terminal."""
    wide = sum(east_asian_width(char) in "WF" for char in text)
    combining = sum(category(char) in {"Mn", "Me"} for char in text)
    return len(text) + wide - combining
