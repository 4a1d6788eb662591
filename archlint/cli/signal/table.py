"""`--signal`: the second moment of every layer's output, its band, and where it starts to drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.cli.table import table
from archlint.report.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archlint.analysis.initialization.freshness import Freshness
    from archlint.model import Model

_HEAD = (
    "layer",
    "operator",
    "second moment",
    "band",
    "scale",
    "correlation",
    "gradient",
)
_SHOWN_REASONS = 5
_WEIGHTS = {True: "as they are stored, fresh", False: "trained", None: "not known to be fresh"}


def document(model: Model, *, every: bool) -> dict[str, Any]:
    """Return the signal as the facts have it; without `every`, only of layers that change it."""
    from archlint.ops.effect import Holds, Passes
    from archlint.report.signal import signal_document

    facts = model.facts
    whole = signal_document(facts)
    if every:
        return whole
    flow = facts.flow
    kept = [
        entry
        for entry in whole["tensors"]
        if not isinstance(flow.effect(flow.graph.by_name[entry["node"]]), Passes | Holds)
    ]
    return {**whole, "tensors": kept}


def text(found: Mapping[str, Any], model: Model) -> str:
    """Return the table, its assumptions, and the unknown signals."""
    by_name = model.facts.flow.graph.by_name
    rows = [
        (
            entry["node"],
            by_name[entry["node"]].op,
            number(entry["second_moment"]),
            _band(*entry["band"]),
            number(entry["scale"]),
            f"{entry['correlation']:.3f}",
            number(entry["gradient"]),
        )
        for entry in found["tensors"]
    ]
    body = table(_HEAD, rows, right={2, 4, 5, 6}) if rows else ""
    return "".join([_start(found, model), body, *_drift(found), *_unknown(found["unknown"])])


def number(value: float | None) -> str:
    """Return a number in three digits; "?" for none."""
    return "?" if value is None else f"{value:.3g}"


def _band(low: float, high: float) -> str:
    ends = number(low), number(high)
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _start(found: Mapping[str, Any], model: Model) -> str:
    """Return the assumptions: about the inputs, and whether weights are declared or stored."""
    initialization = model.facts.initialization
    declared = any(initialization.declared(name) is not None for name in initialization.fans)
    weights = "as declared" if declared else _WEIGHTS[found["fresh"]]
    because = "" if declared else _because(initialization.freshness)
    hint = "" if declared or found["fresh"] else "; --set weights=fresh takes them as drawn"
    return visible(f"inputs: standard normal; weights: {weights}{because}{hint}") + "\n"


def _because(freshness: Freshness) -> str:
    """Return why weights count as fresh or trained: by the target, or by evidence in the file."""
    if freshness.stated != "auto":
        return ", as stated"
    told = [each for each in freshness.evidence if each.is_fresh == freshness.is_fresh]
    return f": {told[-1].tensor} {told[-1].text}" if told else ""


def _drift(found: Mapping[str, Any]) -> list[str]:
    return [
        visible(
            f"the scale leaves [{1 / each['factor']:g}, {each['factor']:g}] of that at the last "
            f"normalization or input at {each['node']}"
        )
        + "\n"
        for each in found["drift"]
    ]


def _unknown(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the reasons why signals are unknown, without consequences of other unknowns."""
    first = [each for each in entries if not each["reason"].endswith("starts with is not known")]
    shown = first or entries
    lines = [visible(f"not known at {each['node']}: {each['reason']}") + "\n" for each in shown]
    more = len(lines) - _SHOWN_REASONS
    return lines[:_SHOWN_REASONS] + ([f"and at {more} more\n"] if more > 0 else [])
