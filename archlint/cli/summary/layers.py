"""Selects the nodes that people call layers, leaving out shape and weight preparation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archlint.model import Model

_WORK = ("macs", "parameters", "saved_bytes")


def layers(nodes: Sequence[Mapping[str, Any]], model: Model) -> list[Mapping[str, Any]]:
    """Return the `nodes` of the facts that data flows through, or that cost something.

    A node with an unknown amount is included, since that may not be zero. Nodes that compute with
    shapes alone are left out.
    """
    data, known = model.facts.receptive_fields.data, model.graph.constants
    return [
        node
        for node in nodes
        if (node["output"] in data and node["output"] not in known)
        or any(node[amount] != 0 for amount in _WORK)
    ]
