"""The built-in rules: a plugin like any other, which imports `archlint.api` alone.

A rule is one module in the folder of its family, with its manual beside it: rules are discovered by
their manuals.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from archlint.api import Rule, hookimpl


@hookimpl
def archlint_rules() -> list[type[Rule]]:
    """Return every rule that a module of this package defines."""
    return [
        item
        for module in map(import_module, _modules())
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Rule) and item.__module__ == module.__name__
    ]


def _modules() -> Iterator[str]:
    """Yield the names of the modules that have a manual: rules, not shared helpers."""
    for family in sorted(Path(__file__).parent.iterdir()):
        if family.is_dir():
            for manual in sorted(family.glob("*.md")):
                yield f"{__name__}.{family.name}.{manual.stem}"
