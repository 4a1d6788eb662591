"""The command line: one small module per command, each importing as little as it needs."""

from __future__ import annotations

import gc
import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run `archlint` with these arguments and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given in (["--version"], ["-V"]):
        from archlint import __version__

        print(f"archlint {__version__}")  # noqa: T201 - the answer
        return 0
    if arguments is None:
        _prepare()
    from archlint.cli.program import run

    try:
        return run(given)
    finally:
        if arguments is None:
            gc.freeze()  # the end takes back all memory, without a last search through a model


def _prepare() -> None:
    """Make ready a process that is ours and does not live long."""
    gc.disable()  # a run looks for cycles between two files
    # Where numpy is loaded, OpenBLAS starts a thread a core, each of which spins for some 30 ms in
    # wait of large products: a check asks for none.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
