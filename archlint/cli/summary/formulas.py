"""Formulas of a model with open dimensions, for its layers and totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Formulas = Mapping[str, Any]
    Found = Callable[[Formulas], tuple[Formulas, ...]]

# The formulas of each total that is shown, equal ones in several units.
_OF_TOTALS: Mapping[str, Found] = {
    "forward": lambda found: (
        found["compute"]["forward_macs"],
        found["compute"]["forward_flops"],
    ),
    "elementwise": lambda found: (found["compute"]["elementwise_flops"],),
    "training step": lambda found: (found["compute"]["step_flops"],),
    "inference peak": lambda found: (found["memory"]["inference_peak_bytes"],),
    "training peak": lambda found: (found["memory"]["training"]["peak_bytes"],),
    "  saved activations": lambda found: (found["memory"]["training"]["saved_activation_bytes"],),
}


def with_formula(formulas: Formulas | None, label: str, value: str) -> str:
    """Return the total `label` as a formula; `value` with the reason where there is none."""
    if formulas is None or label not in _OF_TOTALS:
        return value
    found = _OF_TOTALS[label](formulas)
    if found[0]["text"] is None:
        return f"{value} (no formula: {found[0]['reason']})"
    return " = ".join(_text(formulas, each) for each in found)


def of_nodes(formulas: Formulas | None) -> dict[tuple[str, str], str]:
    """Return the formulas of amounts that depend on open dimensions, by node and amount."""
    if formulas is None:
        return {}
    return {
        (node["name"], amount): _text(formulas, node[amount])
        for node in formulas["nodes"]
        for amount in ("macs", "saved_bytes")
        if amount in node and node[amount]["text"]
    }


def unknown_parts(facts: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """Return what is in no total; with open dimensions, what stays unknown for any sizes."""
    if facts["formulas"]:
        return list(facts["formulas"]["unknown"])
    return [entry for part in ("compute", "memory") for entry in facts[part]["unknown"]]


def sizes(formulas: Formulas | None, flags: Sequence[str]) -> list[str]:
    """Return the domain of the formulas, and the flags that bind the open dimensions."""
    if not flags:
        return []
    known = [formulas["condition"], formulas["ranges"]] if formulas else []
    condition = " and ".join(filter(None, known))
    holds = [f"formulas hold for {condition}"] if condition else []
    return ["", *holds, f"bind the open dimensions: {' '.join(flags)}"]


def _text(formulas: Formulas, formula: Formulas) -> str:
    """Return a formula without the ranges common to all, which are printed once."""
    text: str = formula["text"]
    shared = formulas["ranges"]
    if shared is None or formula["below"] is not None:
        return text
    return text.removesuffix(f" for {shared}")
