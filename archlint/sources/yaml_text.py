"""The text of a YAML file: decoding, line ends, and positions."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from functools import cached_property

from msgspec import Struct

from archlint.sources.problem import Problem, Unreadable
from archlint.sources.problem_kind import INVALID_YAML, UNPORTABLE_TEXT
from archlint.sources.span import Span

_LINE_END = re.compile(r"\r\n|\n|\r")
_OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# Characters that YAML 1.1 and 1.2 forbid outside of an escape. The standard lists the printable
# ones instead, but that pattern would take ten times as long to compile.
_NOT_PRINTABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)


class Text(Struct, frozen=True, eq=False, dict=True):
    """A decoded file; `byte_order_mark` says whether one stood before `text`."""

    text: str
    byte_order_mark: bool = False

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def span(self, start: int, end: int) -> Span:
        """Return the span of the code points from `start` to just before `end`."""
        end = max(start, end)
        return Span(*self.line_and_column(start), *self.line_and_column(end), start, end)

    def line_and_column(self, index: int) -> tuple[int, int]:
        """Return the line and column, from 1, of the code point `index`."""
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1


def invalid_yaml(message: str, help: str = "", span: Span | None = None) -> Unreadable:
    """Make the error for a text that cannot be parsed (YAML001)."""
    return Unreadable(Problem(INVALID_YAML, message, help, span=span))


def decode(data: bytes) -> Text:
    """Decode the bytes of a YAML file; raises Unreadable where they are not UTF-8 text."""
    for mark, encoding in _OTHER_ENCODINGS:
        if data.startswith(mark):
            raise invalid_yaml(
                f"the file is {encoding} text", "save it as UTF-8", Span(1, 1, 1, 1, 0, 0)
            )
    marked = data.startswith(codecs.BOM_UTF8)
    body = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = Text(body.decode("utf-8"), marked)
    except UnicodeDecodeError as error:
        before = Text(body[: error.start].decode("utf-8"))
        place = before.span(len(before.text), len(before.text))
        byte = body[error.start]
        raise invalid_yaml(f"byte 0x{byte:02x} is not UTF-8", "save it as UTF-8", place) from error
    if match := _NOT_PRINTABLE.search(text.text):
        raise invalid_yaml(
            f"the character U+{ord(match.group()):04X} is not allowed in YAML",
            "remove it, or write it as an escape in double quotes",
            text.span(match.start(), match.end()),
        )
    return text


def portability(text: Text) -> list[Problem]:
    """Return problems for other programs: a byte-order mark, line ends other than LF."""
    problems = []
    if text.byte_order_mark:
        problems.append(
            _unportable(
                "the file starts with a byte-order mark", "save it without", text.span(0, 0)
            )
        )
    carriage_return = text.text.find("\r")
    if carriage_return >= 0:
        ends = "CR LF" if text.text.startswith("\r\n", carriage_return) else "CR"
        place = text.span(carriage_return, carriage_return)
        problems.append(_unportable(f"a line ends with {ends}", "use LF line ends", place))
    return problems


def _unportable(message: str, help: str, span: Span) -> Problem:
    return Problem(UNPORTABLE_TEXT, message, help, span)
