"""Notes on the totals: why they are intervals, what is unknown, and how to bind dimensions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archlint.cli.summary.formulas import sizes, unknown_parts
from archlint.report.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN_UNKNOWN = 10
_OF_TENSOR = re.compile(r" of '.*'(?= is not )")


def left_open(facts: Mapping[str, Any], flags: Sequence[str]) -> str:
    """Return why totals are intervals, and what no total includes; `flags` bind open dimensions."""
    return f"{_bounded(facts)}{_note(facts)}{_unknown(facts, flags)}"


def _bounded(facts: Mapping[str, Any]) -> str:
    """Return where branches make the totals intervals, one line per reason."""
    nodes: dict[str, list[str]] = {}
    for entry in facts["compute"]["bounded"]:
        nodes.setdefault(entry["reason"], []).append(f"{entry['op']} {entry['node']}")
    lines = [_reason(reason, names) for reason, names in nodes.items()]
    return "\n".join(["", "between the least and the most:", *lines, ""]) if lines else ""


def _note(facts: Mapping[str, Any]) -> str:
    """Return why training differs from what the file shows, and why its memory is an interval."""
    notes = (facts["compute"]["note"], facts["memory"]["training"]["note"])
    return "".join(f"\n{visible(note)}\n" for note in notes if note)


def _unknown(facts: Mapping[str, Any], flags: Sequence[str]) -> str:
    """Return what is unknown, one line per reason, and the flags that bind open dimensions."""
    # One open dimension makes many tensors unknown: the reason is given once for all.
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
    """Return a reason with the first node that it applies to; an optimizer has no node."""
    rest = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
    return visible(f"  {nodes[0]}{rest}: {reason}")
