"""Loads a configuration file."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from archlint.config.config import Config, PerFile
from archlint.config.custom_device import read_devices
from archlint.config.discovery import ConfigFile, find_config, located, read_config
from archlint.config.error import ConfigError, Errors, Origin
from archlint.config.layer import Layer
from archlint.config.pattern import Pattern
from archlint.config.reading import target_layer
from archlint.config.selection import Selection
from archlint.config.settings import PATTERNS, PROJECT, SELECTION, TARGET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archlint.devices.device import Device

_WHOLE_FILE = TARGET + SELECTION + PROJECT
_PER_FILE = PATTERNS + SELECTION + TARGET
_OTHER_TABLES = ("devices", "per-file")


def load_config(path: Path | None, start: Path) -> Config:
    """Return the configuration in `path`, or else the nearest one from `start` upwards.

    Raises `ConfigError` with file, line and column for anything wrong in it.
    """
    source = find_config(start) if path is None else read_config(path)
    return Config() if source is None else load(source)


def load(source: ConfigFile, above: tuple[Path, ...] = ()) -> Config:
    """Return the settings of a file merged over its base; `above` are the files extending it."""
    errors = Errors()
    try:
        values: dict[str, Any] = _WHOLE_FILE.read_on(source.data, errors, _OTHER_TABLES)
        own = _config(source, values, errors)
        errors.check(Origin.FILE, source.path)
        base = _extended(source, values, above)
    except ConfigError as error:
        raise located(error.written_in(Origin.FILE, source.path), source) from None
    return own if base is None else _over(own, base)


def _config(source: ConfigFile, values: Mapping[str, Any], errors: Errors) -> Config:
    """Return the settings of the file itself; `errors` collects problems."""
    root = source.path.parent
    layer = Layer(Origin.FILE)
    devices: dict[str, Device] = {}
    per_file: tuple[PerFile, ...] = ()
    with errors.at():
        layer = target_layer(values, Origin.FILE, source.path)
    with errors.at():
        devices = read_devices(source.data.get("devices", {}))
    with errors.at():
        per_file = _per_file(source.data.get("per-file", []), source.path)
    return Config(
        path=source.path,
        root=root,
        layers=(layer,),
        selection=_selection(values),
        per_file=per_file,
        devices=MappingProxyType(devices),
        exclude=tuple(Pattern(root, each) for each in values.get("exclude", ())),
        plugins=tuple(root / each for each in values.get("plugins", ())),
        baseline=root / values["baseline"] if "baseline" in values else None,
    )


def _extended(
    source: ConfigFile, values: Mapping[str, Any], above: tuple[Path, ...]
) -> Config | None:
    """Return the configuration that a file names with `extend`, None where it names none."""
    if "extend" not in values:
        return None
    path = source.path.parent / values["extend"]
    files = (*above, source.path.resolve())
    if path.resolve() in files:
        raise ConfigError("the file extends itself", key=("extend",))
    if not path.is_file():
        raise ConfigError(f"{values['extend']} is no file", key=("extend",))
    base = read_config(path)
    return None if base is None else load(base, files)


def _over(own: Config, base: Config) -> Config:
    """Return `own` merged over `base`: single settings replace, lists and tables accumulate."""
    return replace(
        own,
        layers=base.layers + own.layers,
        selection=own.selection.over(base.selection),
        per_file=base.per_file + own.per_file,
        devices=MappingProxyType({**base.devices, **own.devices}),
        exclude=base.exclude + own.exclude,
        plugins=base.plugins + own.plugins,
        baseline=own.baseline or base.baseline,
    )


def _selection(values: Mapping[str, Any]) -> Selection:
    return Selection(
        values.get("select"), values.get("ignore", ()), values.get("extend-select", ())
    )


def _per_file(data: object, path: Path) -> tuple[PerFile, ...]:
    if not isinstance(data, list):
        raise ConfigError("expected [[per-file]] tables", key=("per-file",))
    entries, errors = [], Errors()
    for index, entry in enumerate(data):
        with errors.at("per-file", index):
            entries.append(_entry(entry, index, path))
    errors.check()
    return tuple(entries)


def _entry(data: object, index: int, path: Path) -> PerFile:
    values: dict[str, Any] = _PER_FILE.read(data)
    if not values.get("files"):
        raise ConfigError("needs files = [patterns], to say which files it is about")
    files = tuple(Pattern(path.parent, each) for each in values["files"])
    layer = replace(target_layer(values, Origin.FILE, path), section=("per-file", index))
    return PerFile(files, _selection(values), layer)
