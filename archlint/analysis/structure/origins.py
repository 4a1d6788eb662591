"""Where each signal comes from: a walk along the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archlint.analysis.structure.ends import Kind, Origin
from archlint.graph.node import Node
from archlint.graph.value import Role
from archlint.ops.effect import (
    Activates,
    Effect,
    Joins,
    LooksUp,
    Normalizes,
    Passes,
    Pools,
    Recurs,
    Sums,
)

if TYPE_CHECKING:
    from archlint.analysis.structure.flow import Flow

_SUMMING = (Sums, Recurs)
_PASSING = (Passes, Pools, Normalizes, LooksUp)
_OTHER = Origin(Kind.OTHER)


def origins(flow: Flow) -> dict[str, Origin]:
    """Return what gave each tensor its scale."""
    found: dict[str, Origin] = {}
    data, stored = Origin(Kind.DATA), Origin(Kind.STORED)
    for name, value in flow.graph.values.items():
        if value.role is not Role.COMPUTED:
            found[name] = data if value.role is Role.INPUT else stored
    for node in flow.nodes:
        origin = _origin(flow, node, found)
        for name in node.outputs:
            found.setdefault(name, origin)
    return found


def _origin(flow: Flow, node: Node, before: Mapping[str, Origin]) -> Origin:
    effect = flow.effect(node)
    if isinstance(effect, Activates):
        return Origin(Kind.ACTIVATION, node, effect)
    if isinstance(effect, Normalizes) and effect.resets_scale:
        return Origin(Kind.NORMALIZATION, node)
    if isinstance(effect, _SUMMING):
        return Origin(Kind.SUM, node)
    if isinstance(effect, _PASSING):
        slot = effect.slot if isinstance(effect, Passes) else 0
        return before.get(node.inputs[slot], _OTHER)
    return _joined(flow, node, effect, before)


def _joined(flow: Flow, node: Node, effect: Effect | None, before: Mapping[str, Origin]) -> Origin:
    if isinstance(effect, Joins):
        return _common([before.get(name, _OTHER) for name in node.inputs if name])
    offset = flow.offset(node)
    if offset is not None:
        return before.get(node.inputs[1 - offset], _OTHER)
    return Origin(Kind.OTHER, node)


def _common(joined: list[Origin]) -> Origin:
    """Return what several tensors come from, where that is the same kind of thing."""
    names = {(each.kind, each.activation.name if each.activation else "") for each in joined}
    return joined[0] if len(names) == 1 else _OTHER
