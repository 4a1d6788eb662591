"""The built-in rules: a plugin like any other, which imports `archlint.api` alone.

A rule is one module in the folder of its family, with its manual beside it; a new one is found by
being there.
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
    """Yield the names of the modules in the folders of the families."""
    for family in sorted(Path(__file__).parent.iterdir()):
        if not family.name.startswith("_") and family.is_dir():
            for path in sorted(family.glob("[!_]*.py")):
                yield f"{__name__}.{family.name}.{path.stem}"
