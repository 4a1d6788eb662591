"""The names that a module takes from others, as its type stub lists them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_REEXPORT = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)


def reexports(module: str) -> Mapping[str, str]:
    """Return the names that the stub of a module re-exports, each with the module that defines it.

    `module` is the file of the module itself; its stub is beside it. Each name has a line of its
    own, `from home import Name as Name`, which is how stubs mark what they re-export.
    """
    stub = Path(module).with_suffix(".pyi").read_text(encoding="utf-8")
    return {name: home for home, name in _REEXPORT.findall(stub)}
