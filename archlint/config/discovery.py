"""Finds the configuration: the nearest file applies as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.config.error import ConfigError, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OWN_FILE = "archlint.toml"
SHARED_FILE = "pyproject.toml"
_SHARED_TABLE = ("tool", "archlint")


class ConfigFile(Struct, frozen=True):
    """A configuration file: its settings as plain data, and the table that holds them."""

    path: Path
    text: str
    data: Mapping[str, object]
    table: tuple[str, ...] = ()


def find_config(start: Path) -> ConfigFile | None:
    """Return the configuration of `start`: of its folder, or of the nearest one above it.

    In a folder, `archlint.toml` takes precedence over `pyproject.toml`, which is skipped if it has
    no table `[tool.archlint]`. Raises `ConfigError` for a file that is not TOML.
    """
    folder = start if start.is_dir() else start.parent
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        found = config_in(place)
        if found is not None:
            return found
    return None


def config_in(folder: Path) -> ConfigFile | None:
    """Return the configuration in a folder, None where there is none."""
    for name in (OWN_FILE, SHARED_FILE):
        path = folder / name
        found = read_config(path, needed=False) if path.is_file() else None
        if found is not None:
            return found
    return None


def read_config(path: Path, *, needed: bool = True) -> ConfigFile | None:
    """Read one file; None where it is a `pyproject.toml` without settings that is not `needed`.

    Raises `ConfigError` for a file that cannot be read, is not TOML, or lacks its table.
    """
    text = _text(path)
    shared = path.name == SHARED_FILE
    if shared and not needed and "archlint" not in text:
        return None  # cheap, and another tool's broken file is none of our business
    import tomllib  # only where there is something to read

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        from archlint.config.position import position_in_message

        problem, line, column = position_in_message(str(error))
        raise ConfigError(
            f"not TOML: {problem}", origin=Origin.FILE, path=path, line=line, column=column
        ) from None
    if not shared:
        return ConfigFile(path, text, data)
    tool = data.get("tool", {})
    settings = tool.get("archlint") if isinstance(tool, dict) else None
    if isinstance(settings, dict):
        return ConfigFile(path, text, settings, _SHARED_TABLE)
    if needed:
        raise ConfigError("has no table [tool.archlint]", origin=Origin.FILE, path=path)
    return None


def located(error: ConfigError, source: ConfigFile | None = None) -> ConfigError:
    """Return the same error with line and column, where it is about a configuration file.

    Several errors are sorted by their position.
    """
    placed = [_located(each, source) for each in error.every]
    first, *more = sorted(placed, key=lambda each: (each.line or 0, each.column or 0))
    return replace(first, more=tuple(more)) if more else first


def _located(error: ConfigError, source: ConfigFile | None) -> ConfigError:
    if error.origin is not Origin.FILE or error.path is None or error.line is not None:
        return error
    source = source or read_config(error.path, needed=False)
    from archlint.config.position import position_of

    place = None if source is None else position_of(source.text, (*source.table, *error.key))
    return error if place is None else replace(error, line=place[0], column=place[1])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot be read: {reason}", origin=Origin.FILE, path=path) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text", origin=Origin.FILE, path=path) from None
