"""The settings from one source, and how layers of settings are merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from archlint.config.error import Key, Origin

if TYPE_CHECKING:
    from pathlib import Path


class Layer(Struct, frozen=True):
    """The settings that one source states: typed values by dotted keys.

    `section` is the table of the configuration file that holds the settings.
    """

    origin: Origin
    values: Mapping[str, object] = field(default_factory=dict)
    path: Path | None = None
    section: Key = ()

    def __contains__(self, key: str) -> bool:
        """Whether the layer states `key`."""
        return key in self.values


def merge(layers: Iterable[Layer]) -> dict[str, object]:
    """Return the values of all layers; later ones win, name by name for `dims`."""
    merged: dict[str, object] = {}
    for layer in layers:
        for key, value in layer.values.items():
            merge_value(merged, key, value)
    return merged


def merge_value(values: dict[str, object], key: str, value: object) -> None:
    """Add a value to others: it overrides an existing one, name by name for `dims`."""
    before = values.get(key)
    if isinstance(value, Mapping) and isinstance(before, Mapping):
        value = {**before, **value}
    values[key] = value
