"""The facts of a model for people: a table of its layers, then totals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archlint.cli.fields.words import everything
from archlint.cli.formulas import of_nodes, sizes, unknown_parts, with_formula
from archlint.cli.table import table
from archlint.quantity import format_bytes, format_count, format_flops, format_macs
from archlint.report.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_HEAD = (
    "layer",
    "operator",
    "output",
    "parameters",
    "MACs",
    "saved",
    "receptive field",
    "stride",
    "padding",
)
_SHOWN_UNKNOWN = 10
_LONGEST_FORMULA = 16
_AT_LEAST = "at least "
_OF_TENSOR = re.compile(r" of '.*'(?= is not )")


def summary(
    facts: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], binding_flags: Sequence[str]
) -> str:
    """Return a table of `nodes` and the totals of facts as `archlint-facts/1` has them.

    `binding_flags` would give open dimensions a size.
    """
    entries = facts["receptive_fields"]
    fields = _fields(entries, _size)
    strides = _fields(entries, _stride, once=True)
    paddings = _fields(entries, _padding, once=True)
    known = of_nodes(facts["formulas"])
    rows = [
        (
            node["name"],
            node["op"],
            shape(node["shape"]),
            _some(node["parameters"], format_count),
            known.get((node["name"], "macs")) or _some(node["macs"], format_count),
            known.get((node["name"], "saved_bytes")) or _some(node["saved_bytes"], format_bytes),
            fields.get(node["output"], ""),
            strides.get(node["output"], ""),
            paddings.get(node["output"], ""),
        )
        for node in nodes
    ]
    hidden = len(facts["nodes"]) - len(nodes)
    prepare = "node that only prepares" if hidden == 1 else "nodes that only prepare"
    rest = f"({hidden} {prepare} shapes or weights: --all-tensors)\n" if hidden else ""
    layers = table(_HEAD, rows, right={3, 4, 5})
    ends = f"{_bounded(facts)}{_note(facts)}{_unknown(facts, binding_flags)}"
    return f"{layers}{rest}\n{_totals(facts)}{ends}"


def shape(sizes: list[int | str | None] | None) -> str:
    """Return a shape as `1 x 64 x ? x T`; "?" where not even the rank is known."""
    if sizes is None:
        return "?"
    return " x ".join(map(_dimension, sizes)) or "scalar"


def _dimension(size: int | str | None) -> str:
    """Return a size, its symbol, or of what it is a long formula."""
    if size is None:
        return "?"
    if isinstance(size, int) or len(size) <= _LONGEST_FORMULA:
        return str(size)
    from archlint.graph.dimension import symbols

    names = symbols(size)
    return size if names == (size,) else f"f({', '.join(names)})"


def _fields(
    entries: list[Mapping[str, Any]],
    told: Callable[[Mapping[str, Any]], str | None],
    *,
    once: bool = False,
) -> dict[str, str]:
    """Return what is `told` of each tensor along each axis, or `once` where all are alike."""
    parts: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        part = told(entry)
        if part is not None:
            parts.setdefault(entry["tensor"], {}).setdefault(entry["input"], []).append(part)
    return {tensor: _distinct(by_input, once=once) for tensor, by_input in parts.items()}


def _size(entry: Mapping[str, Any]) -> str | None:
    """Return the size along one input axis; None where the tensor does not depend on it."""
    if entry["global"]:
        return everything(entry["kind"])
    if entry["size"] is None:
        return "?"
    low, high = entry["size"]
    if high == 0:
        return None
    bound = "<=" if entry["status"] == "upper-bound" else ""
    size = f"{bound}{low}" if low == high else f"{bound}{low}-{high}"
    taps = entry["taps"]
    return size if taps is None or taps[1] == high else f"{size} ({taps[1]} read)"


def _stride(entry: Mapping[str, Any]) -> str | None:
    """Return the stride along one input axis as a whole number or a fraction."""
    stride = entry["stride"]
    return None if stride is None else str(stride).removesuffix("/1")


def _padding(entry: Mapping[str, Any]) -> str | None:
    padding = entry["padding"]
    return None if padding is None else f"{padding:g}"


def _distinct(by_input: Mapping[str, list[str]], *, once: bool) -> str:
    """Return what holds for the axes, once where all inputs have the same."""
    shown = {
        name: parts[0]
        if len(set(parts)) == 1 and (once or parts[0] == "all")
        else " x ".join(parts)
        for name, parts in by_input.items()
    }
    if len(set(shown.values())) == 1:
        return next(iter(shown.values()))
    return ", ".join(f"{visible(name)}: {parts}" for name, parts in shown.items())


def _totals(facts: Mapping[str, Any]) -> str:
    parameters, compute, memory = facts["parameters"], facts["compute"], facts["memory"]
    training = memory["training"]
    optimizer = facts["target"]["training"]["optimizer"] or "none named"
    work = _AT_LEAST if compute["unknown"] else ""
    between = compute["range"]
    macs = _interval(between["forward_macs"], format_macs)
    inference = "" if memory["inference_complete"] else _AT_LEAST
    saved = _AT_LEAST if any(entry["node"] for entry in memory["unknown"]) else ""
    peak = "" if memory["complete"] else _AT_LEAST
    moment = f", {training['moment']}" if memory["complete"] else ""
    lines = [
        ("parameters", _stored(parameters["count"], parameters["bytes"]) + _trained(facts)),
        ("buffers", _stored(parameters["buffer_count"], parameters["buffer_bytes"])),
        ("forward", f"{work}{macs} = {_interval(between['forward_flops'], format_flops)}"),
        ("elementwise", f"{work}{_interval(between['elementwise_flops'], format_flops)}"),
        ("training step", f"{work}{_interval(between['step_flops'], format_flops)}"),
        ("inference peak", f"{inference}{_some(memory['inference_peak_bytes'], format_bytes)}"),
        ("training peak", f"{peak}{_interval(training['peak_bytes'])}"),
        ("  weights", _some(training["weight_bytes"], format_bytes)),
        ("  gradients", _some(training["gradient_bytes"], format_bytes)),
        ("  optimizer state", _some(training["optimizer_state_bytes"], format_bytes)),
        *((f"  {name}", format_bytes(size)) for name, size in training["copies"].items()),
        *_communication(training["communication_bytes"]),
        ("  saved activations", f"{saved}{_interval(training['saved_activation_bytes'])}"),
        *_passing(memory),
    ]
    lines += [*_on_device(memory["device"], peak), *_deployed(memory["deployment"], inference)]
    lines = [(label, with_formula(facts["formulas"], label, value)) for label, value in lines]
    lines = [
        (label, f"{value} (optimizer: {optimizer}{moment})" if label == "training peak" else value)
        for label, value in lines
    ]
    width = max(len(label) for label, _ in lines)
    return "".join(f"{label.ljust(width)}  {value}\n" for label, value in lines)


def _on_device(device: Mapping[str, Any] | None, bound: str) -> list[tuple[str, str]]:
    """Return the lines about the device, where one is given whose memory is known.

    `bound` says that its amounts leave out what is unknown.
    """
    if device is None or device["limit_bytes"] is None:
        return []
    total = f"{bound}{_interval(device['training_bytes'])} of {format_bytes(device['limit_bytes'])}"
    reserves = [(f"  {name}", _interval(bounds)) for name, bounds in device["reserves"].items()]
    return [(f"training on {device['name']}", total), *reserves]


def _deployed(deployed: Mapping[str, Any] | None, bound: str) -> list[tuple[str, str]]:
    """Return the lines about inference on the device, or in the number format, that is given.

    `bound` says that its amounts leave out what is unknown.
    """
    if deployed is None:
        return []
    device, number_format = deployed["device"], deployed["number_format"]
    label = f"inference{f' on {device}' if device else ''}"
    total = f"{bound}{_interval(deployed['total_bytes'])}{_of(deployed['limit_bytes'])}"
    flash = f"{_of(deployed['flash_bytes'])} of flash" if deployed["flash_bytes"] else ""
    return [
        (label, f"{total} (in {number_format})" if number_format else total),
        ("  weights", f"{_interval(deployed['weight_bytes'])}{flash}"),
        ("  activations", f"{bound}{_interval(deployed['activation_bytes'])}"),
    ]


def _of(limit: int | None) -> str:
    return "" if limit is None else f" of {format_bytes(limit)}"


def _passing(memory: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the line about what comes and goes at the peak, where that is known."""
    passing = memory["training"]["passing_bytes"]
    return [("  in passing", format_bytes(passing))] if memory["complete"] else []


def _communication(bounds: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the line about what is on its way between processes, where there is anything."""
    return [("  communication", _interval(bounds))] if bounds["high"] else []


def _stored(count: int | None, size: int | None) -> str:
    number = "?" if count is None else f"{count:,}"
    return f"{number} ({_some(size, format_bytes)})"


def _trained(facts: Mapping[str, Any]) -> str:
    """Return how many parameters are trained, where an export for inference has another number."""
    count, between = facts["parameters"]["count"], facts["memory"]["training"]["parameter_range"]
    is_same = between["low"] == between["high"] == count
    return "" if is_same else f"; in training {_interval(between, '{:,}'.format)}"


def _bounded(facts: Mapping[str, Any]) -> str:
    """Return where branches make the totals intervals, a line a reason."""
    nodes: dict[str, list[str]] = {}
    for entry in facts["compute"]["bounded"]:
        nodes.setdefault(entry["reason"], []).append(f"{entry['op']} {entry['node']}")
    lines = [_reason(reason, names) for reason, names in nodes.items()]
    return "\n".join(["", "between the least and the most:", *lines, ""]) if lines else ""


def _note(facts: Mapping[str, Any]) -> str:
    """Return why the memory of training is an interval, where it is one."""
    note = facts["memory"]["training"]["note"]
    return f"\n{visible(note)}\n" if note else ""


def _unknown(facts: Mapping[str, Any], flags: Sequence[str]) -> str:
    """Return what the totals do not know, a line a reason, and what would bind what is open."""
    # One dimension that is not bound makes many tensors unknown: the reason is told once for all.
    nodes: dict[str, dict[str, str]] = {}
    for entry in unknown_parts(facts):
        node, reason = f"{entry['op']} {entry['node']}".strip(), entry["reason"]
        nodes.setdefault(_OF_TENSOR.sub("", reason), {}).setdefault(node, reason)
    lines = [
        _reason(shared if len(named) > 1 else next(iter(named.values())), list(named))
        for shared, named in nodes.items()
    ]
    more = len(lines) - _SHOWN_UNKNOWN
    shown = lines[:_SHOWN_UNKNOWN] + ([f"  and {more} more reasons"] if more > 0 else [])
    head = ["", "not known, and in no total above:"] if lines else []
    return "".join(f"{line}\n" for line in (*head, *shown, *sizes(facts["formulas"], flags)))


def _reason(reason: str, nodes: Sequence[str]) -> str:
    """Return a reason with the first node that it holds for; optimizers are no node."""
    rest = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
    return visible(f"  {nodes[0]}{rest}: {reason}")


def _some(number: float | None, form: Callable[[float], str]) -> str:
    return "?" if number is None else form(number)


def _interval(bounds: Mapping[str, int | None], form: Callable[[float], str] = format_bytes) -> str:
    """Return one amount where the answer is exact, else both ends, or the only one there is."""
    low, high = (_some(bounds[end], form) for end in ("low", "high"))
    return low if bounds["high"] is None or low == high else f"{low} to {high}"
