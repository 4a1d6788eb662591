"""List the devices, or show what is known about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.cli import project_options, streams

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from archlint.devices.device import Device, Sourced


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a device")
    project_options.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the answer and return 0."""
    from pathlib import Path

    from archlint.devices.catalogue import GRADES, catalogue, find_device

    own = project_options.open_project(options).configs.of(Path()).devices
    if options.name is not None:
        streams.answer(_sheet(find_device(options.name, own)))
    else:
        streams.answer(_list({**catalogue(), **own}))
        grades = "; ".join(f"{grade}: {meaning}" for grade, meaning in GRADES.items())
        streams.note(f"archlint: sources {grades} (`archlint devices NAME` names them)")
    return 0


def _list(devices: Mapping[str, Device]) -> str:
    from archlint.cli.table import table
    from archlint.quantity import format_bytes

    rows = [
        (
            name,
            device.kind,
            _amount(device.memory_bytes, format_bytes),
            _amount(device.flash_bytes, format_bytes),
            device.grade or "-",
        )
        for name, device in devices.items()
    ]
    return table(("device", "kind", "memory", "flash", "sources"), rows, right={2, 3})


def _sheet(device: Device) -> str:
    """Return all figures of a device, each with its source."""
    from archlint.cli.table import table
    from archlint.devices.catalogue import GRADES
    from archlint.devices.device import Sourced
    from archlint.quantity import format_bytes, format_count

    rows = [("kind", device.kind, ""), ("vendor", device.vendor or "-", "")]
    rows.append(("usable fraction", f"{device.fraction:g}", ""))
    if device.grade:
        rows.append(("sources", device.grade, GRADES.get(device.grade, "")))
    for field in device.__struct_fields__:
        value = getattr(device, field)
        if not isinstance(value, Sourced):
            continue
        label = field.replace("_bytes_per_s", "").replace("_bytes", "").replace("_hz", "")
        shown = format_bytes(value.value) if "bytes" in field else format_count(value.value)
        unit = "/s" if field.endswith("_per_s") else "Hz" if field.endswith("_hz") else ""
        rows.append((label.replace("_", " "), f"{shown}{unit}", _source(value)))
    for dtype, peak in device.peak_ops.items():
        rows.append((f"peak {dtype}", f"{format_count(peak.value)}OP/s", _source(peak)))
    text = table((device.name, "", "source"), rows)
    for line in (*device.constraints, device.notes):
        text += f"{line}\n" if line else ""
    return text


def _source(number: Sourced) -> str:
    return f"{number.source} ({number.derived})" if number.derived else number.source


def _amount(number: Sourced | None, form: Callable[[float], str]) -> str:
    return "-" if number is None else form(number.value)
