"""The setting `training.checkpointing`: segments of blocks, or named modules."""

from __future__ import annotations

from msgspec import Struct

from archlint.config.error import ConfigError
from archlint.config.kind import Schema, Several, Text, Whole, wrong
from archlint.target import Checkpointing

_EXPECTED = "a number of blocks such as 1, or names of modules such as layers.*"


class Checkpointed(Struct, frozen=True):
    """A number of neighbouring blocks, or patterns of module paths; 0 for none."""

    def read(self, value: object) -> Checkpointing | None:
        """Return the statement."""
        if isinstance(value, str | list | tuple) and not _is_number(value):
            names = Several(Text("the name of a module")).read(value)
            if not names:
                raise wrong(value, _EXPECTED)
            return Checkpointing(modules=tuple(map(str, names)))
        try:
            every = Whole().read(value)
        except ConfigError:
            raise wrong(value, _EXPECTED) from None
        return Checkpointing(every) if every else None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        names = Several(Text()).schema()
        return {"anyOf": [Whole().schema(), {"type": "string", "minLength": 1}, names]}


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.strip().lstrip("+-").isdigit()
