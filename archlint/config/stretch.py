"""A length along the input, as a setting gives it: in elements or as a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.config.error import ConfigError
from archlint.config.kind import Whole, wrong
from archlint.quantity import QuantityError, parse_seconds

if TYPE_CHECKING:
    from collections.abc import Callable


class Stretch(Struct, frozen=True):
    """A number of elements, or a time in seconds."""

    elements: int | None = None
    seconds: float = 0.0

    def at(
        self, sample_rate: float | None, rounded: Callable[[float], int], what: str, setting: str
    ) -> int:
        """Return the stretch in input elements; a time is `rounded` to whole ones.

        Raises `ConfigError` about `setting`, which states `what`, for a time without a rate.
        """
        if self.elements is not None:
            return self.elements
        if sample_rate is None:
            raise ConfigError(
                f"{what} in seconds needs the input elements in a second",
                key=("require", setting),
                help='state it as require.sample-rate, for example "16 kHz"',
            )
        # 0.07 s at 100 Hz are exactly 7 elements, without binary rounding errors.
        return rounded(round(self.seconds * sample_rate, 6))


def read_stretch(value: object, expected: str, minimum: int = 0) -> Stretch:
    """Read input elements, at least `minimum`, or a time with its unit.

    Raises `ConfigError`, which says what was `expected`.
    """
    try:
        return Stretch(Whole(minimum).read(value))
    except ConfigError:
        is_number = not isinstance(value, str) or value.strip()[-1:].isdigit()
        if is_number:  # a number without a unit is not a time
            raise wrong(value, expected) from None
    try:
        return Stretch(seconds=parse_seconds(value))
    except QuantityError:
        raise wrong(value, expected) from None
