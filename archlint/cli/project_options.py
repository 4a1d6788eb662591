"""The flags that locate the configuration, and the project that results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from archlint.config.layer import Layer
    from archlint.config.selection import Selection
    from archlint.engine.project import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that find the configuration."""
    group = parser.add_argument_group("configuration")
    group.add_argument(
        "--config", metavar="FILE", help="use this configuration file instead of searching for one"
    )
    group.add_argument("--no-config", action="store_true", help="use no configuration file")


def open_project(
    options: argparse.Namespace,
    paths: Iterable[Path] = (),
    command_line: Layer | None = None,
    selection: Selection | None = None,
) -> Project:
    """Load the configuration and the plugins of a run on `paths`."""
    from pathlib import Path

    from archlint.config.config import Config
    from archlint.engine.configs import Configs
    from archlint.engine.project import Project
    from archlint.plugins import load_plugins

    only = Config() if options.no_config else None
    if options.config is not None:
        from archlint.config.loading import load_config

        only = load_config(Path(options.config), Path())
    configs = Configs(only)
    registry = load_plugins(configs.plugins(path for path in paths if path.exists()))
    return Project(registry, configs, command_line, selection)
