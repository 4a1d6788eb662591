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
    between, complete = compute["range"], not compute["unknown"]
    macs = interval(between["forward_macs"], format_macs, complete=complete)
    trained, shown = between["training_forward_flops"], between["forward_flops"]
    in_training = interval(trained, format_flops, complete=complete)
    more = "" if trained == shown else f"; in training {in_training}"
    elementwise, step = (
        interval(between[name], format_flops, complete=complete)
        for name in ("elementwise_flops", "step_flops")
    )
    flops = some(shown["low"], format_flops) if not complete else interval(shown, format_flops)
    return [
        ("forward", f"{macs} = {flops}{more}"),
        ("elementwise", elementwise),
        ("training step", step),
    ]


def _memory(memory: Mapping[str, Any]) -> list[Line]:
    training = memory["training"]
    inference, peak = memory["inference_complete"], memory["complete"]
    saved = not any(entry["node"] for entry in memory["unknown"])
    in_inference = some(memory["inference_peak_bytes"], format_bytes)
    return [
        ("inference peak", in_inference if inference else f"at least {in_inference}"),
        (_PEAK, interval(training["peak_bytes"], complete=peak)),
        ("  weights", some(training["weight_bytes"], format_bytes)),
        ("  gradients", some(training["gradient_bytes"], format_bytes)),
        ("  optimizer state", some(training["optimizer_state_bytes"], format_bytes)),
        *((f"  {name}", format_bytes(size)) for name, size in training["copies"].items()),
        *_communication(training["communication_bytes"]),
        (
            "  saved activations",
            interval(training["saved_activation_bytes"], complete=saved),
        ),
        *_passing(memory),
        *_on_device(memory["device"], peak),
        *_deployed(memory["deployment"], inference),
    ]


def _on_device(device: Mapping[str, Any] | None, complete: bool) -> list[Line]:
    """Return the lines about the device, where one is given whose memory is known.

    Its amounts leave out what is unknown unless they are `complete`.
    """
    if device is None or device["limit_bytes"] is None:
        return []
    training = interval(device["training_bytes"], complete=complete)
    total = f"{training}{_of(device['limit_bytes'])}"
    reserves = [(f"  {name}", interval(bounds)) for name, bounds in device["reserves"].items()]
    return [(f"training on {device['name']}", total), *reserves]


def _deployed(deployed: Mapping[str, Any] | None, complete: bool) -> list[Line]:
    """Return the lines about inference on the device, or in the number format, that is given.

    Its amounts leave out what is unknown unless they are `complete`.
    """
    if deployed is None:
        return []
    device, number_format = deployed["device"], deployed["number_format"]
    label = f"inference{f' on {device}' if device else ''}"
    whole, activations = (
        interval(deployed[name], complete=complete) for name in ("total_bytes", "activation_bytes")
    )
    total = f"{whole}{_of(deployed['limit_bytes'])}"
    flash = f"{_of(deployed['flash_bytes'])} of flash" if deployed["flash_bytes"] else ""
    return [
        (label, f"{total} (in {number_format})" if number_format else total),
        ("  weights", f"{interval(deployed['weight_bytes'])}{flash}"),
        ("  activations", activations),
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
