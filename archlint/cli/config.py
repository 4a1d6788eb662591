"""Print the settings in effect for a file: from configuration, the file itself and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import project_options, streams, target_options

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a file or folder")
    target_options.add_arguments(parser)
    project_options.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the answer and return 0."""
    import json
    from pathlib import Path

    from archlint.config.describe import describe
    from archlint.engine.discover import missing
    from archlint.engine.inspection import target_of

    path = Path(options.path)
    if not path.exists():
        raise missing(path)
    layer = target_options.read_target(options)
    project = project_options.open_project(options, [path], layer)
    project.check([path])
    config = project.configs.of(path)
    selection = project.selection(path)
    rules = [
        rule.code
        for rule in project.rules
        if selection.includes(rule.code, rule.name, enabled=rule.enabled)
    ]
    answer = {
        "file": None if config.path is None else config.path.as_posix(),
        "target": describe(target_of(path, project)),
        "rules": rules,
        "exclude": [str(pattern) for pattern in config.exclude],
        "plugins": [plugin.as_posix() for plugin in config.plugins],
        "baseline": None if config.baseline is None else config.baseline.as_posix(),
    }
    streams.answer(json.dumps(answer, indent=1) + "\n")
    return 0
