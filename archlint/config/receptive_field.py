"""The setting `require.receptive-field`: one size, or one an output and axis, or a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from archlint.config.error import ConfigError, Errors
from archlint.config.kind import Schema, Whole, wrong
from archlint.quantity import QuantityError, parse_seconds
from archlint.record import record
from archlint.target import FieldNeed

ANY_OUTPUT = "*"
_EXPECTED = 'input elements such as 128, or a time such as "250 ms"'


@record
class StatedField:
    """One statement, as written: `elements` of the input, or `seconds` of it."""

    elements: int | None = None
    seconds: float | None = None
    output: str | None = None
    axis: int | None = None

    def need(self, sample_rate: float | None) -> FieldNeed:
        """Return the statement in input elements; a time needs the elements in a second."""
        if self.elements is not None:
            return FieldNeed(self.elements, self.output, self.axis)
        if sample_rate is None:
            raise ConfigError(
                "a receptive field in seconds needs the input elements in a second",
                key=("require", "receptive-field"),
                help='state it as require.sample-rate, for example "16 kHz"',
            )
        # Rounded first: 0.07 s at 100 Hz are 7 elements, not the 8 that binary fractions make.
        elements = math.ceil(round((self.seconds or 0.0) * sample_rate, 6))
        return FieldNeed(max(1, elements), self.output, self.axis)


@record
class ReceptiveField:
    """A size, or a table of sizes by output, each of which may be a table by axis."""

    def read(self, value: object) -> tuple[StatedField, ...]:
        """Return the statements, in the order in which they stand."""
        if isinstance(value, Mapping):
            return tuple(_outputs(value))
        return (_stated(value),)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        size: Schema = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}
        axes: Schema = {
            "type": "object",
            "propertyNames": {"pattern": "^[0-9]+$"},
            "additionalProperties": size,
        }
        outputs: Schema = {"type": "object", "additionalProperties": {"anyOf": [size, axes]}}
        return {"anyOf": [size, outputs]}


def _outputs(table: Mapping[object, object]) -> Iterator[StatedField]:
    errors = Errors()
    for key, value in table.items():
        output = None if key == ANY_OUTPUT else str(key)
        with errors.at(str(key)):
            if isinstance(value, Mapping):
                yield from _axes(value, output)
            else:
                yield _stated(value, output)
    errors.check()


def _axes(table: Mapping[object, object], output: str | None) -> Iterator[StatedField]:
    errors = Errors()
    for key, value in table.items():
        with errors.at(str(key)):
            yield _stated(value, output, Whole().read(key))
    errors.check()


def _stated(value: object, output: str | None = None, axis: int | None = None) -> StatedField:
    try:
        return StatedField(elements=Whole(1).read(value), output=output, axis=axis)
    except ConfigError:
        if not isinstance(value, str):
            raise wrong(value, _EXPECTED) from None
    if value.strip()[-1:].isdigit():
        raise wrong(value, _EXPECTED)  # a number without a unit is not a time
    try:
        return StatedField(seconds=parse_seconds(value), output=output, axis=axis)
    except QuantityError:
        raise wrong(value, _EXPECTED) from None
