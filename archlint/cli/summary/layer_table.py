"""The table of layers: output, cost, saved bytes and receptive field of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.cli.fields.words import everything
from archlint.cli.summary.amount import some
from archlint.cli.summary.formulas import of_nodes
from archlint.cli.table import table
from archlint.quantity import format_bytes, format_count
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
_LONGEST_FORMULA = 16


def layer_table(facts: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each of `nodes`, and the number of nodes that are left out."""
    entries = facts["receptive_fields"]
    fields = _fields(entries, _size)
    strides = _fields(entries, _stride, once=True)
    paddings = _fields(entries, _padding, once=True)
    known = of_nodes(facts["formulas"])
    rows = [
        (
            node["name"],
            node["op"],
            _shape(node["shape"]),
            some(node["parameters"], format_count),
            known.get((node["name"], "macs")) or some(node["macs"], format_count),
            known.get((node["name"], "saved_bytes")) or some(node["saved_bytes"], format_bytes),
            fields.get(node["output"], ""),
            strides.get(node["output"], ""),
            paddings.get(node["output"], ""),
        )
        for node in nodes
    ]
    hidden = len(facts["nodes"]) - len(nodes)
    prepare = "node that only prepares" if hidden == 1 else "nodes that only prepare"
    rest = f"({hidden} {prepare} shapes or weights: --all-tensors)\n" if hidden else ""
    return table(_HEAD, rows, right={3, 4, 5}) + rest


def _shape(sizes: list[int | str | None] | None) -> str:
    """Return a shape as `1 x 64 x ? x T`; "?" where not even the rank is known."""
    if sizes is None:
        return "?"
    return " x ".join(map(_dimension, sizes)) or "scalar"


def _dimension(size: int | str | None) -> str:
    """Return a size, its symbol, or the symbols of a long expression."""
    if size is None:
        return "?"
    if isinstance(size, int) or len(size) <= _LONGEST_FORMULA:
        return str(size)
    from archlint.graph.dimensions.symbol import symbols

    names = symbols(size)
    return size if names == (size,) else f"f({', '.join(names)})"


def _fields(
    entries: list[Mapping[str, Any]],
    told: Callable[[Mapping[str, Any]], str | None],
    *,
    once: bool = False,
) -> dict[str, str]:
    """Return the `told` text of each tensor along its axes, merged where they are equal."""
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
    """Join the texts of all axes by input, merging inputs with equal texts."""
    shown = {
        name: parts[0]
        if len(set(parts)) == 1 and (once or parts[0] == "all")
        else " x ".join(parts)
        for name, parts in by_input.items()
    }
    if len(set(shown.values())) == 1:
        return next(iter(shown.values()))
    return ", ".join(f"{visible(name)}: {parts}" for name, parts in shown.items())
