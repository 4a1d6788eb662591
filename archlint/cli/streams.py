"""Standard output for answers, standard error for everything else; a closed pipe is no error."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def prepare() -> None:
    """Let any text be written, whatever the encoding of the terminal."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def answer(text: str) -> None:
    """Write `text`, which ends its own lines, to standard output."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Write a line to standard error."""
    _write(sys.stderr, f"{text}\n")


def close() -> None:
    """Flush, so that a closed pipe is noticed here and not when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        _write(stream, "")


def colored(stream: TextIO | None = None) -> bool:
    """Whether to use colours: FORCE_COLOR and NO_COLOR decide, else a terminal does."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    out = stream or sys.stdout
    return out.isatty() and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The reader went away, as `head` does. Nothing more can be said to it, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
