"""The setting `require.look-ahead`: how far into the future of its input an output may look."""

from __future__ import annotations

import math

from archlint.config.error import ConfigError
from archlint.config.kind import Schema, Whole, wrong
from archlint.quantity import QuantityError, parse_seconds
from archlint.record import record

_EXPECTED = 'input elements such as 160, or a time such as "10 ms"'


@record
class StatedLookAhead:
    """The statement, as written: `elements` of the input, or `seconds` of it."""

    elements: int = 0
    seconds: float | None = None

    def at(self, sample_rate: float | None) -> int:
        """Return it in input elements; a time needs the elements in a second."""
        if self.seconds is None:
            return self.elements
        if sample_rate is None:
            raise ConfigError(
                "a look-ahead in seconds needs the input elements in a second",
                key=("require", "look-ahead"),
                help='state it as require.sample-rate, for example "16 kHz"',
            )
        # Rounded first: 0.07 s at 100 Hz are 7 elements, not the 6 that binary fractions make.
        return math.floor(round(self.seconds * sample_rate, 6))


@record
class LookAhead:
    """Input elements, or a time."""

    def read(self, value: object) -> StatedLookAhead:
        """Return the statement."""
        try:
            return StatedLookAhead(elements=Whole().read(value))
        except ConfigError:
            if not isinstance(value, str) or value.strip()[-1:].isdigit():
                raise wrong(value, _EXPECTED) from None
        try:
            return StatedLookAhead(seconds=parse_seconds(value))
        except QuantityError:
            raise wrong(value, _EXPECTED) from None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
