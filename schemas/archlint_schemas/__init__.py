"""JSON Schemas of what archlint reads and writes."""

from __future__ import annotations

from typing import Any


def names() -> list[str]:
    """Return the names of all schemas, such as "architecture"."""
    from importlib.resources import files

    found = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


def text(name: str) -> str:
    """Return a schema as JSON text; raises KeyError for a name that there is not."""
    from importlib.resources import files

    if name not in names():
        raise KeyError(name)
    return files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    """Return a schema as plain data; raises KeyError for a name that there is not."""
    import json

    schema: dict[str, Any] = json.loads(text(name))
    return schema


_SUFFIX = ".schema.json"
