"""Converts a target to plain data, under the names of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archlint.config.receptive_field import ANY_OUTPUT
from archlint.config.settings import TARGET
from archlint.devices.device import Device
from archlint.target import Checkpointing, FieldNeed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.target import Target

Plain = dict[str, object]


def describe(target: Target) -> Plain:
    """Return every setting of `target` by its key, sections nested; None where none is stated.

    Amounts are in base units: bytes, FLOP, seconds. Reading the result gives the same target.
    """
    own: Plain = {}
    sections: dict[str, Plain] = {}
    for setting in TARGET.settings:
        section, _, name = setting.key.rpartition(".")
        holder = getattr(target, section) if section else target
        place = sections.setdefault(section, {}) if section else own
        place[name] = _plain(getattr(holder, name.replace("-", "_")))
    return own | sections


def _plain(value: object) -> object:
    if isinstance(value, Device):
        return value.name
    if isinstance(value, Checkpointing):
        return list(value.modules) or value.every
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        needs = [item for item in value if isinstance(item, FieldNeed)]
        return _fields(needs) if needs else list(value) or None
    return value


def _fields(needs: Iterable[FieldNeed]) -> Plain:
    """Return the needs by output, then by axis."""
    described: Plain = {}
    for need in needs:
        output = need.output or ANY_OUTPUT
        if need.axis is None:
            described[output] = need.size
            continue
        axes = described.setdefault(output, {})
        if isinstance(axes, dict):
            axes[str(need.axis)] = need.size
    return described
