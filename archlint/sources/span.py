"""A range in a text file, for findings and fixes."""

from __future__ import annotations

from msgspec import Struct


class Span(Struct, frozen=True):
    """A range of text from its first character to just after its last.

    Lines and columns count from 1, as editors show them. `start` and `end` count code points
    from 0, so that `text[span.start : span.end]` is the text itself.
    """

    start_line: int
    start_column: int
    end_line: int
    end_column: int
    start: int
    end: int
