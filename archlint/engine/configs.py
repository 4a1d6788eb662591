"""The configuration of each file: the nearest one, each read once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archlint.config.config import Config
from archlint.config.loading import load_config
from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.target import Device


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
        folder = (path if path.is_dir() else path.parent).resolve()
        found = self._by_folder.get(folder)
        if found is None:
            found = load_config(None, folder).with_devices(self._devices)
            self._by_folder[folder] = found
        return found

    def learn(self, devices: Iterable[Device]) -> None:
        """Let every configuration know devices that plugins give."""
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
        """Raise `CannotRun` where a folder further down names a plugin that was not loaded."""
        for path in paths:
            config = self.of(path)
            for plugin in config.plugins:
                if plugin.resolve() not in self._plugins:
                    raise CannotRun(
                        f"{config.path} names the plugin {plugin}, but the run does not start "
                        f"there: name {config.root} on the command line too"
                    )
