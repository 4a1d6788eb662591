"""The built-in rules: a plugin like any other, which imports `archlint.api` alone.

A rule is one module in the folder of its family, with its manual beside it; a new one is found by
being there.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

from archlint.api import Rule, hookimpl


@hookimpl
def archlint_rules() -> list[type[Rule]]:
    """Return every rule that a module of this package defines."""
    modules = walk_packages(__path__, f"{__name__}.")
    return [
        item
        for module in modules
        for item in vars(import_module(module.name)).values()
        if isinstance(item, type) and issubclass(item, Rule) and item.__module__ == module.name
    ]
