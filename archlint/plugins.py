"""Discovers plugins and collects what they add; a broken plugin is a named error."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING

import pluggy
from msgspec import Struct

from archlint import hookspecs
from archlint.errors import CannotRun
from archlint.registry import Contribution, Plugin, Registry, register

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import EntryPoint
    from pathlib import Path

GROUP = "archlint"
BUILT_IN = "archlint_rules"

_HOOKS = (
    "archlint_rules",
    "archlint_ops",
    "archlint_frontends",
    "archlint_devices",
    "archlint_reporters",
)


class PluginError(CannotRun):
    """Raised for a plugin that cannot be loaded or that returns something invalid."""


class _Found(Struct, frozen=True):
    """A plugin that was found, and its module."""

    plugin: Plugin
    module: object


def load_plugins(local: Iterable[Path] = ()) -> Registry:
    """Load every installed plugin and the `local` files, and call each hook once.

    Raises `PluginError` where one cannot be imported, and `InvalidPlugin` where one returns
    something invalid.
    """
    manager = pluggy.PluginManager("archlint")
    manager.add_hookspecs(hookspecs)
    plugins: dict[str, Plugin] = {}
    for found in (*_installed(), *_local(local)):
        _register(manager, found)
        plugins[found.plugin.name] = found.plugin
    if BUILT_IN not in plugins:
        raise PluginError(
            "the built-in rules are not installed: install archlint with pip, "
            "in a checkout with `pip install -e .`"
        )
    return register(plugins, _contributions(manager))


def _installed() -> Iterator[_Found]:
    """Import the plugins that installed packages declare in the entry-point group `archlint`."""
    seen: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        other, plugin = seen.setdefault(entry.name, entry), Plugin(entry.name, entry)
        if other.value != entry.value:
            raise PluginError(
                f"plugin {entry.name!r} is declared twice: "
                f"by {Plugin(other.name, other).origin} and by {plugin.origin}"
            )
        if other is not entry:  # one package, found twice on the path
            continue
        try:
            module = entry.load()
        except (Exception, SystemExit) as error:
            raise _failed(plugin.name, plugin.origin, "could not be imported", error) from error
        yield _Found(plugin, module)


def _local(paths: Iterable[Path]) -> Iterator[_Found]:
    """Import the plugin files that the configuration names."""
    for path in paths:
        if not path.is_file():
            raise PluginError(f"plugin {path} does not exist")
        spec = spec_from_file_location(f"archlint_local_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise PluginError(f"plugin {path} is not a Python file")
        module = module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses and the manual look their module up there
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise _failed(str(path), "", "could not be imported", error) from error
        yield _Found(Plugin(str(path)), module)


def _register(manager: pluggy.PluginManager, found: _Found) -> None:
    name = found.plugin.name
    try:
        manager.register(found.module, name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        origin = found.plugin.origin
        raise _failed(name, origin, "does not fit archlint's hooks", error) from error
    if not manager.get_hookcallers(found.module):
        raise PluginError(
            f"plugin {name!r} ({found.plugin.origin}) adds nothing: "
            f"it has no function marked @hookimpl, as {', '.join(_HOOKS)}"
        )


def _contributions(manager: pluggy.PluginManager) -> Iterator[Contribution]:
    """Call every hook of every plugin once, one by one, so that a broken one can be named."""
    for hook in _HOOKS:
        calls = getattr(manager.hook, hook).get_hookimpls()
        for call in sorted(
            calls, key=lambda call: (call.plugin_name != BUILT_IN, call.plugin_name)
        ):
            try:
                items = tuple(call.function())
            except Exception as error:
                raise _failed(call.plugin_name, "", f"failed in {hook}()", error) from error
            yield Contribution(call.plugin_name, hook, items)


def _failed(name: str, origin: str, what: str, error: BaseException) -> PluginError:
    from traceback import extract_tb

    where = f" ({origin})" if origin else ""
    frames = extract_tb(error.__traceback__)
    told = isinstance(error, SyntaxError)  # whose text has the place
    at = f", in {frames[-1].filename}:{frames[-1].lineno}" if frames and not told else ""
    return PluginError(f"plugin {name!r}{where} {what}: {type(error).__name__}: {error}{at}")
