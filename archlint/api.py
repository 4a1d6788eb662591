"""The public API: the only module that a plugin should import, since all others may change.

A rule needs `Rule` and `hookimpl`: it receives a `Model` and yields `Finding`s. A front end raises
`unreadable(message)` for a file that it cannot read. The names are listed in `api.pyi`, for type
checkers and for this module. Each is imported on first access, which keeps `import archlint.api`
cheap.
"""

from importlib import import_module

from archlint.stub import reexports

_HOMES = reexports(__file__)

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import a name from the module that defines it, on first access."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
