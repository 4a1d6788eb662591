"""The configuration of a run: one file, read and checked, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archlint.config.building import build_target
from archlint.config.custom_device import read_devices
from archlint.config.discovery import ConfigFile, find_config, read_config
from archlint.config.error import ConfigError, Origin
from archlint.config.layer import Layer, read_layer, target_layer
from archlint.config.pattern import path_matches
from archlint.config.position import position_of
from archlint.config.selection import Selection
from archlint.config.settings import PATTERNS, PROJECT, SELECTION, TARGET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archlint.target import Device, Target

_NO_DEVICES: Mapping[str, Device] = MappingProxyType({})
_NO_LAYER = Layer(Origin.FILE)
_NO_SELECTION = Selection()

WHOLE_FILE = TARGET + SELECTION + PROJECT
PER_FILE = PATTERNS + SELECTION + TARGET
_OTHER_TABLES = ("devices", "per-file")


@dataclass(frozen=True, slots=True)
class PerFile:
    """What holds for some files beside what holds for all."""

    files: tuple[str, ...]
    selection: Selection
    target: Layer


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a configuration file states; `Config()` states nothing.

    Patterns and paths in the file are relative to `root`, the folder that it stands in.
    """

    path: Path | None = None
    root: Path = field(default_factory=Path)
    target: Layer = _NO_LAYER
    selection: Selection = _NO_SELECTION
    per_file: tuple[PerFile, ...] = ()
    devices: Mapping[str, Device] = field(default_factory=lambda: _NO_DEVICES, hash=False)
    exclude: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    baseline: Path | None = None

    def with_devices(self, devices: Iterable[Device]) -> Config:
        """Return the same configuration that also knows `devices`; its own ones win."""
        known = {device.name: device for device in devices} | dict(self.devices)
        return replace(self, devices=MappingProxyType(known))

    def target_for(
        self, file: Path, document: object = None, command_line: Layer | None = None
    ) -> Target:
        """Return the target of one model.

        `document` is the plain data under `target:` of the model itself, None without any. Later
        wins: this configuration, its tables for `file`, the document, the command line. Raises
        `ConfigError`, whose `origin` says which of them is wrong.
        """
        layers = [self.target, *(each.target for each in self._about(file))]
        if document is not None:
            layers.append(read_layer(document, Origin.DOCUMENT, file))
        if command_line is not None:
            layers.append(command_line)
        return build_target(layers, self.devices)

    def selection_for(self, file: Path, command_line: Selection | None = None) -> Selection:
        """Return which rules run on `file`; `command_line` is laid over the configuration."""
        selection = self.selection
        ignored: tuple[str, ...] = ()
        for each in self._about(file):
            selection = each.selection.over(selection)
            ignored += each.selection.ignore
        if command_line is not None:
            # What is left out of a file stays out when a rule is asked for all files.
            selection = command_line.over(selection).leaving_out(ignored)
        return selection

    def excludes(self, file: Path) -> bool:
        """Whether `file` is not to be looked for in folders."""
        return self._matches(file, self.exclude)

    def _about(self, file: Path) -> Iterable[PerFile]:
        return (each for each in self.per_file if self._matches(file, each.files))

    def _matches(self, file: Path, patterns: tuple[str, ...]) -> bool:
        if not patterns:
            return False
        path = file.resolve()
        root = self.root.resolve()
        inside = path.relative_to(root) if path.is_relative_to(root) else path
        return any(path_matches(inside, pattern) for pattern in patterns)


def load_config(path: Path | None, start: Path) -> Config:
    """Return the configuration in `path`, or else the nearest one from `start` upwards.

    Raises `ConfigError` with file, line and column for anything wrong in it.
    """
    source = find_config(start) if path is None else read_config(path)
    return Config() if source is None else parse_config(source)


def parse_config(source: ConfigFile) -> Config:
    """Return what a configuration file states. Raises as `load_config` does."""
    try:
        return _config(source)
    except ConfigError as error:
        line, column = position_of(source.text, (*source.table, *error.key)) or (None, None)
        placed = error.written_in(Origin.FILE, source.path)
        raise replace(placed, line=line, column=column) from None


def _config(source: ConfigFile) -> Config:
    path, root = source.path, source.path.parent
    values: dict[str, Any] = WHOLE_FILE.read(source.data, extra=_OTHER_TABLES)
    devices = read_devices(source.data.get("devices", {}))
    return Config(
        path=path,
        root=root,
        target=target_layer(values, Origin.FILE, path),
        selection=_selection(values),
        per_file=tuple(_per_file(source.data.get("per-file", []), path)),
        devices=MappingProxyType(devices),
        exclude=values.get("exclude", ()),
        plugins=tuple(root / each for each in values.get("plugins", ())),
        baseline=root / values["baseline"] if "baseline" in values else None,
    )


def _selection(values: Mapping[str, Any]) -> Selection:
    return Selection(
        values.get("select"), values.get("ignore", ()), values.get("extend-select", ())
    )


def _per_file(data: object, path: Path) -> Iterator[PerFile]:
    if not isinstance(data, list):
        raise ConfigError("expected [[per-file]] tables", key=("per-file",))
    for index, entry in enumerate(data):
        try:
            yield _entry(entry, path)
        except ConfigError as error:
            raise error.below("per-file", index) from None


def _entry(data: object, path: Path) -> PerFile:
    values: dict[str, Any] = PER_FILE.read(data)
    if not values.get("files"):
        raise ConfigError("needs files = [patterns], to say which files it is about")
    return PerFile(values["files"], _selection(values), target_layer(values, Origin.FILE, path))
