"""The totals of a model: parameters, work, and memory with its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.cli.summary.amount import interval, some
from archlint.cli.summary.formulas import with_formula
from archlint.quantity import format_bytes, format_flops, format_macs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Line: TypeAlias = tuple[str, str]
    """A label, and the amount behind it."""

_PEAK = "training peak"
_AT_LEAST = "at least "


def totals(facts: Mapping[str, Any]) -> str:
    """Return one line per total, as a formula where dimensions are open."""
    found = [*_stored(facts), *_work(facts["compute"]), *_memory(facts["memory"])]
    lines = [(label, with_formula(facts["formulas"], label, value)) for label, value in found]
    remark = _remark(facts)
    width = max(len(label) for label, _ in lines)
    return "".join(
        f"{label.ljust(width)}  {value}{remark if label == _PEAK else ''}\n"
        for label, value in lines
    )


def _remark(facts: Mapping[str, Any]) -> str:
    """Return the optimizer of the training peak, and the phase in which it occurs."""
    optimizer = facts["target"]["training"]["optimizer"] or "none named"
    memory = facts["memory"]
    moment = f", {memory['training']['moment']}" if memory["complete"] else ""
    return f" (optimizer: {optimizer}{moment})"


def _stored(facts: Mapping[str, Any]) -> list[Line]:
    parameters = facts["parameters"]
    counted = _counted(parameters["count"], parameters["bytes"])
    return [
        ("parameters", counted + _trained(facts)),
        ("buffers", _counted(parameters["buffer_count"], parameters["buffer_bytes"])),
    ]


def _counted(count: int | None, size: int | None) -> str:
    number = "?" if count is None else f"{count:,}"
    return f"{number} ({some(size, format_bytes)})"


def _trained(facts: Mapping[str, Any]) -> str:
    """Return the number of trained parameters, where an export for inference changed it."""
    count, between = facts["parameters"]["count"], facts["memory"]["training"]["parameter_range"]
    is_same = between["low"] == between["high"] == count
    return "" if is_same else f"; in training {interval(between, '{:,}'.format)}"


def _work(compute: Mapping[str, Any]) -> list[Line]:
    bound = _AT_LEAST if compute["unknown"] else ""
    between = compute["range"]
    macs = interval(between["forward_macs"], format_macs)
    trained, shown = between["training_forward_flops"], between["forward_flops"]
    more = "" if trained == shown else f"; in training {interval(trained, format_flops)}"
    return [
        ("forward", f"{bound}{macs} = {interval(between['forward_flops'], format_flops)}{more}"),
        ("elementwise", f"{bound}{interval(between['elementwise_flops'], format_flops)}"),
        ("training step", f"{bound}{interval(between['step_flops'], format_flops)}"),
    ]


def _memory(memory: Mapping[str, Any]) -> list[Line]:
    training = memory["training"]
    inference = "" if memory["inference_complete"] else _AT_LEAST
    saved = _AT_LEAST if any(entry["node"] for entry in memory["unknown"]) else ""
    peak = "" if memory["complete"] else _AT_LEAST
    return [
        ("inference peak", f"{inference}{some(memory['inference_peak_bytes'], format_bytes)}"),
        (_PEAK, f"{peak}{interval(training['peak_bytes'])}"),
        ("  weights", some(training["weight_bytes"], format_bytes)),
        ("  gradients", some(training["gradient_bytes"], format_bytes)),
        ("  optimizer state", some(training["optimizer_state_bytes"], format_bytes)),
        *((f"  {name}", format_bytes(size)) for name, size in training["copies"].items()),
        *_communication(training["communication_bytes"]),
        ("  saved activations", f"{saved}{interval(training['saved_activation_bytes'])}"),
        *_passing(memory),
        *_on_device(memory["device"], peak),
        *_deployed(memory["deployment"], inference),
    ]


def _on_device(device: Mapping[str, Any] | None, bound: str) -> list[Line]:
    """Return the lines about the device, where one is given whose memory is known.

    `bound` says that its amounts leave out what is unknown.
    """
    if device is None or device["limit_bytes"] is None:
        return []
    total = f"{bound}{interval(device['training_bytes'])} of {format_bytes(device['limit_bytes'])}"
    reserves = [(f"  {name}", interval(bounds)) for name, bounds in device["reserves"].items()]
    return [(f"training on {device['name']}", total), *reserves]


def _deployed(deployed: Mapping[str, Any] | None, bound: str) -> list[Line]:
    """Return the lines about inference on the device, or in the number format, that is given.

    `bound` says that its amounts leave out what is unknown.
    """
    if deployed is None:
        return []
    device, number_format = deployed["device"], deployed["number_format"]
    label = f"inference{f' on {device}' if device else ''}"
    total = f"{bound}{interval(deployed['total_bytes'])}{_of(deployed['limit_bytes'])}"
    flash = f"{_of(deployed['flash_bytes'])} of flash" if deployed["flash_bytes"] else ""
    return [
        (label, f"{total} (in {number_format})" if number_format else total),
        ("  weights", f"{interval(deployed['weight_bytes'])}{flash}"),
        ("  activations", f"{bound}{interval(deployed['activation_bytes'])}"),
    ]


def _of(limit: int | None) -> str:
    return "" if limit is None else f" of {format_bytes(limit)}"


def _passing(memory: Mapping[str, Any]) -> list[Line]:
    """Return the line about transient memory at the peak, where that is known."""
    passing = memory["training"]["passing_bytes"]
    return [("  transient", format_bytes(passing))] if memory["complete"] else []


def _communication(bounds: Mapping[str, int]) -> list[Line]:
    """Return the line about communication buffers, where there are any."""
    return [("  communication", interval(bounds))] if bounds["high"] else []
