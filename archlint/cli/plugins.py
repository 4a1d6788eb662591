"""List the plugins, where they come from, and the rules that they add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import project_options, streams

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    project_options.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the answer and return 0."""
    from archlint.cli.table import table

    registry = project_options.open_project(options).registry
    rows = [
        (
            plugin.name,
            plugin.origin,
            ", ".join(
                code for code, owner in sorted(registry.owners.items()) if owner == plugin.name
            ),
        )
        for plugin in registry.plugins
    ]
    streams.answer(table(("plugin", "from", "rules"), rows))
    return 0
