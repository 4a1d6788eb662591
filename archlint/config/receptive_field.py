"""The setting `require.receptive-field`: one size, one per output and axis, or a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct

from archlint.config.error import Errors
from archlint.config.kind import Schema, Whole
from archlint.config.stretch import Stretch, read_stretch
from archlint.target import FieldNeed

ANY_OUTPUT = "*"
_EXPECTED = 'input elements such as 128, or a time such as "250 ms"'


class StatedField(Struct, frozen=True):
    """One statement, as written, for one output and axis or for all of them."""

    stretch: Stretch
    output: str | None = None
    axis: int | None = None

    def need(self, sample_rate: float | None) -> FieldNeed:
        """Return the statement in input elements; a time needs the sample rate."""
        what = "a receptive field"
        elements = self.stretch.at(sample_rate, math.ceil, what, "receptive-field")
        return FieldNeed(max(1, elements), self.output, self.axis)


class ReceptiveField(Struct, frozen=True):
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
    return StatedField(read_stretch(value, _EXPECTED, minimum=1), output, axis)
