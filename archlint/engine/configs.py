"""Finds the configuration of each file, and reads each configuration once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archlint.config.config import Config
from archlint.config.discovery import config_in
from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.devices.device import Device


class Configs:
    """Configurations by folder, or one for all where the user named it (or wants none)."""

    def __init__(self, only: Config | None = None) -> None:
        self._only = only
        self._by_folder: dict[Path, Config] = {}
        self._devices: tuple[Device, ...] = ()
        self._plugins: dict[Path, Path] = {}

    def of(self, path: Path) -> Config:
        """Return the configuration of a file or folder; raises `ConfigError` for a broken one."""
        if self._only is not None:
            return self._only
        return self._nearest((path if path.is_dir() else path.parent).resolve())

    def _nearest(self, folder: Path) -> Config:
        """Return the configuration in a folder, or else in the nearest one above it."""
        found, passed = None, []
        for place in (folder, *folder.parents):
            passed.append(place)
            found = self._by_folder.get(place) or self._in(place)
            if found is not None:
                break
        found = found or Config().with_devices(self._devices)
        self._by_folder |= dict.fromkeys(passed, found)
        return found

    def _in(self, folder: Path) -> Config | None:
        source = config_in(folder)
        if source is None:
            return None
        from archlint.config.loading import load  # most folders have nothing to load

        return load(source).with_devices(self._devices)

    def learn(self, devices: Iterable[Device]) -> None:
        """Add the devices of plugins to every configuration."""
        self._devices = tuple(devices)
        if self._only is not None:
            self._only = self._only.with_devices(self._devices)
        for folder, config in self._by_folder.items():
            self._by_folder[folder] = config.with_devices(self._devices)

    def plugins(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Return the local plugins that the configurations of `paths` name, each once."""
        found = [plugin for path in (Path(), *paths) for plugin in self.of(path).plugins]
        self._plugins = {plugin.resolve(): plugin for plugin in found}
        return tuple(self._plugins.values())

    def check_plugins(self, paths: Iterable[Path]) -> None:
        """Raise `CannotRun` where a nested configuration names a plugin that was not loaded."""
        for path in paths:
            config = self.of(path)
            for plugin in config.plugins:
                if plugin.resolve() not in self._plugins:
                    raise CannotRun(
                        f"{config.path} names the plugin {plugin}, but the run does not start "
                        f"there: name {config.root} on the command line too"
                    )
