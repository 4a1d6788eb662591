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
            gc.freeze()  # skips the garbage collection at exit, which is slow for large models


def _prepare() -> None:
    """Tune a short-lived process that belongs to archlint."""
    gc.disable()  # a run collects garbage itself, between two files
    # When numpy is loaded, OpenBLAS starts one thread per core, each of which busy-waits for some
    # 30 ms for large matrix products, which a check does not compute.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
