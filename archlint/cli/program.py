"""Entry point: dispatches to a command and maps errors to exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import streams
from archlint.cli.parser import build_parser, parse
from archlint.errors import CannotRun, interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = 2
_INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command; 2 where archlint could not do its job."""
    streams.prepare()
    try:
        try:
            options = parse(build_parser(arguments), arguments)
        except SystemExit as end:  # argparse ends --help and usage errors this way
            return end.code if isinstance(end.code, int) else _USAGE
        return int(options.run(options))
    except CannotRun as error:
        if interrupted(error):
            return _INTERRUPTED
        for line in str(error).splitlines():
            streams.note(f"archlint: error: {line}")
        return _USAGE
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - a bug must not look like a finding
        return _INTERRUPTED if interrupted(error) else _bug(error, arguments)
    finally:
        streams.close()


def _bug(error: BaseException, arguments: Sequence[str]) -> int:
    """Report a bug in archlint; the traceback is shown on request only.

    A permission error on a path is not a bug.
    """
    import traceback

    if isinstance(error, PermissionError) and error.filename is not None:
        streams.note(f"archlint: error: {error.filename}: {error.strerror}")
        return _USAGE

    if "--verbose" in arguments or "-v" in arguments:
        streams.note("".join(traceback.format_exception(error)).rstrip())
    streams.note(
        f"archlint: internal error: {type(error).__name__}: {error} "
        "(this is a bug in archlint; --verbose shows where)"
    )
    return _USAGE
