"""The devices that archlint knows by name."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archlint.devices.device import Device, Sourced
from archlint.errors import CannotRun, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GRADES: Mapping[str, str] = MappingProxyType(
    {
        "A": "from the vendor or a table that cites it, and confirmed",
        "B": "copied from the vendor, or half of a figure for sparse products",
        "C": "from a single weak source",
    }
)
"""How good the sources of a device's numbers are."""


class UnknownDevice(CannotRun):
    """Raised for a name that no device has; the text suggests the nearest."""


@cache
def catalogue() -> Mapping[str, Device]:
    """Return the built-in devices by name, in the order of the catalogue file."""
    import json
    from importlib.resources import files

    text = files("archlint.devices").joinpath("catalogue.json").read_text(encoding="utf-8")
    return MappingProxyType(
        {entry["name"]: read_device(entry) for entry in json.loads(text)["devices"]}
    )


def find_device(name: str, devices: Mapping[str, Device] = MappingProxyType({})) -> Device:
    """Return the device called `name`, from `devices` or else from the catalogue.

    Raises `UnknownDevice`.
    """
    found = devices.get(name) or catalogue().get(name)
    if found is None:
        hint = _nearest(name, [*devices, *catalogue()])
        raise UnknownDevice(f"unknown device {name!r}{hint} (`archlint devices` lists all)")
    return found


def read_device(entry: Mapping[str, Any]) -> Device:
    """Return the device that an entry of an `archlint-devices/1` document describes."""
    numbers: dict[str, Any] = {
        name: _sourced(value)
        for name, value in entry.items()
        if isinstance(value, dict) and "value" in value
    }
    peaks = {name: _sourced(value) for name, value in entry.get("peak_ops", {}).items()}
    words = {
        key: entry[key] for key in ("name", "kind", "vendor", "grade", "notes") if key in entry
    }
    return Device(
        **words,
        **numbers,
        peak_ops=MappingProxyType(peaks),
        constraints=tuple(entry.get("constraints", ())),
        usable_fraction=entry.get("usable_fraction"),
        dies=entry.get("dies", 1),
    )


def _sourced(number: Mapping[str, Any]) -> Sourced:
    return Sourced(number["value"], number["source"], number.get("derived", ""))


def _nearest(name: str, known: Iterable[str]) -> str:
    """Suggest a device, also for a name without its vendor: `a100` or `h100-sxm`."""
    names = sorted(known)
    word = name.lower()
    containing = [each for each in names if word in (each if len(word) > 2 else each.split("-"))]
    if containing:
        return f": did you mean {' or '.join(repr(each) for each in containing[:3])}?"
    return did_you_mean(name, names)
