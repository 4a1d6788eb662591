"""The setting `require.look-ahead`: how far into the future of its input an output may look."""

from __future__ import annotations

import math

from msgspec import Struct

from archlint.config.kind import Schema
from archlint.config.stretch import Stretch, read_stretch

_EXPECTED = 'input elements such as 160, or a time such as "10 ms"'


class StatedLookAhead(Struct, frozen=True):
    """The statement, as written."""

    stretch: Stretch

    def at(self, sample_rate: float | None) -> int:
        """Return it in input elements; a time needs the sample rate."""
        return self.stretch.at(sample_rate, math.floor, "a look-ahead", "look-ahead")


class LookAhead(Struct, frozen=True):
    """Input elements, or a time."""

    def read(self, value: object) -> StatedLookAhead:
        """Return the statement."""
        return StatedLookAhead(read_stretch(value, _EXPECTED))

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
