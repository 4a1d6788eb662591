"""Standard output for results, standard error for everything else; tolerates closed pipes."""

from __future__ import annotations

import os
import sys
from errno import EINVAL
from pathlib import Path
from typing import TextIO

from archlint.cli import console
from archlint.errors import CannotRun


def prepare() -> None:
    """Make the streams accept any text, whatever the encoding of the terminal.

    Line ends are not translated, so that diffs are the same on Windows. A stream that was closed
    before the start is replaced by one that discards its text.
    """
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace", newline="\n")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def answer(text: str) -> None:
    """Write `text`, which ends its own lines, to standard output."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Write a line to standard error."""
    _write(sys.stderr, f"{text}\n")


def close() -> None:
    """Flush, so that a closed pipe is noticed here and not at interpreter exit."""
    for stream in (sys.stdout, sys.stderr):
        _write(stream, "")


def colored() -> bool:
    """Whether to colour standard output: by NO_COLOR and FORCE_COLOR, or else for a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and console.takes_colors()


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # Nothing more can be written, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout and not _is_closed(error):
            raise CannotRun(f"standard output cannot be written: {error.strerror}") from error


def _is_closed(error: OSError) -> bool:
    """Whether the reader closed the pipe, as `head` does (EINVAL on Windows)."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == EINVAL)
