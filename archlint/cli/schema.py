"""List the JSON Schemas, or print one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import streams

if TYPE_CHECKING:
    import argparse

_SUFFIX = ".schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="such as architecture, config or report"
    )


def run(options: argparse.Namespace) -> int:
    """Print the answer and return 0."""
    from importlib.resources import files

    from archlint.errors import CannotRun, did_you_mean

    folder = files("archlint_schemas")
    schemas = {
        entry.name.removesuffix(_SUFFIX): entry
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIX)
    }
    if options.name is None:
        streams.answer("".join(f"{name}\n" for name in sorted(schemas)))
        return 0
    if options.name not in schemas:
        near = did_you_mean(options.name, schemas) or f" (known: {', '.join(sorted(schemas))})"
        raise CannotRun(f"unknown schema {options.name!r}{near}")
    streams.answer(schemas[options.name].read_text(encoding="utf-8"))
    return 0
