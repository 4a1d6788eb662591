"""The configuration of a run, read from at most one file and its parents."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.config.building import build_target, known_device
from archlint.config.discovery import located
from archlint.config.error import ConfigError, Errors, Origin
from archlint.config.layer import Layer
from archlint.config.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archlint.config.pattern import Pattern
    from archlint.devices.device import Device
    from archlint.target import Target

_NO_DEVICES: Mapping[str, Device] = MappingProxyType({})
_NO_SELECTION = Selection()


class PerFile(Struct, frozen=True):
    """The settings of a `[[per-file]]` table."""

    files: tuple[Pattern, ...]
    selection: Selection
    layer: Layer


class Config(Struct, frozen=True):
    """Everything that a configuration file states; `Config()` states nothing.

    Patterns and paths in the file are relative to `root`, its folder; a file that this one extends
    keeps its own folder.
    """

    path: Path | None = None
    root: Path = field(default_factory=Path)
    layers: tuple[Layer, ...] = ()
    selection: Selection = _NO_SELECTION
    per_file: tuple[PerFile, ...] = ()
    devices: Mapping[str, Device] = _NO_DEVICES
    exclude: tuple[Pattern, ...] = ()
    plugins: tuple[Path, ...] = ()
    baseline: Path | None = None

    def with_devices(self, devices: Iterable[Device]) -> Config:
        """Return the same configuration with `devices` added; its own devices win."""
        known = {device.name: device for device in devices} | dict(self.devices)
        return replace(self, devices=MappingProxyType(known))

    def target_for(
        self, file: Path, document: object = None, command_line: Layer | None = None
    ) -> Target:
        """Return the target of one model.

        `document` is the plain data under `target:` of the model itself, None if there is none.
        Later sources win: this configuration, its tables for `file`, the document, the command
        line. Raises `ConfigError`, whose `origin` says which source is wrong.
        """
        layers, errors = [*self.layers, *(each.layer for each in self._about(file))], Errors()
        if document is not None:
            from archlint.config.reading import read_layer_on

            layers.append(read_layer_on(document, errors, Origin.DOCUMENT, file))
        if command_line is not None:
            layers.append(command_line)
        try:
            if errors:  # other settings may depend on the invalid ones; a device does not
                with errors.at():
                    known_device(layers, self.devices)
                errors.check(Origin.DOCUMENT, file)
            return build_target(layers, self.devices)
        except ConfigError as error:
            raise located(error) from None

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
        """Whether `file` is left out when folders are searched."""
        return _any_matches(self.exclude, file)

    def _about(self, file: Path) -> Iterable[PerFile]:
        return (each for each in self.per_file if _any_matches(each.files, file))


def _any_matches(patterns: tuple[Pattern, ...], file: Path) -> bool:
    return any(pattern.matches(file) for pattern in patterns)
