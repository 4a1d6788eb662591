"""Devices that the configuration defines, in `[devices.NAME]` tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from archlint.config.error import ConfigError, Errors
from archlint.config.settings import DEVICE
from archlint.devices.device import Device, Sourced

_ORDINARY = "gpu"  # the kind of a device whose kind is not stated

_NUMBERS = MappingProxyType(
    {
        "memory": "memory_bytes",
        "bandwidth": "bandwidth_bytes_per_s",
        "flash": "flash_bytes",
        "largest-contiguous-sram": "largest_contiguous_sram_bytes",
        "parameter-cache": "parameter_cache_bytes",
        "arena-cache": "arena_cache_bytes",
        "dram-bandwidth": "dram_bandwidth_bytes_per_s",
        "flash-bandwidth": "flash_bandwidth_bytes_per_s",
        "clock": "clock_hz",
    }
)
_WORDS = ("vendor", "constraints", "notes")


def read_devices(data: object) -> dict[str, Device]:
    """Return the devices of the `[devices]` table, by name. Raises `ConfigError`."""
    if not isinstance(data, Mapping):
        raise ConfigError("expected a table of devices by name", key=("devices",))
    devices: dict[str, Device] = {}
    errors = Errors()
    for name, entry in data.items():
        with errors.at("devices", str(name)):
            devices[str(name)] = _device(str(name), DEVICE.read(entry))
    errors.check()
    return devices


def _device(name: str, values: Mapping[str, Any]) -> Device:
    source = values.get("source", "the configuration")
    kind = values.get("kind", _ORDINARY)
    numbers: dict[str, Any] = {
        field: Sourced(int(values[key]), source) for key, field in _NUMBERS.items() if key in values
    }
    peaks = {key: Sourced(value, source) for key, value in values.get("peak-ops", {}).items()}
    words = {key: values[key] for key in _WORDS if key in values}
    return Device(
        name=name,
        kind=kind,
        usable_fraction=values.get("usable-fraction"),
        peak_ops=MappingProxyType(peaks),
        **numbers,
        **words,
    )
