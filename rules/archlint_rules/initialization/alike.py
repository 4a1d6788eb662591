"""Layers that one line of a file makes, or that are drawn alike: one finding for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from archlint.api import Distribution, Layer, Model

    Judged: TypeAlias = tuple[Layer, Distribution]


def drawn(model: Model) -> Iterator[Judged]:
    """Yield the layers with what their weights are drawn from, where that is known."""
    initialization = model.facts.initialization
    if not initialization.is_known:  # of trained weights nothing more needs to be worked out
        return
    for layer in initialization.layers:
        found = initialization.initial(layer.weight)
        if found is not None:
            yield layer, found


def alike(judged: Iterable[Judged]) -> list[list[Judged]]:
    """Group layers by the place that they stand in, and by what becomes of their output."""
    groups: dict[tuple[str, bool], list[Judged]] = {}
    for layer, found in judged:
        place = layer.node.metadata.get("archlint.path") or layer.node.name
        groups.setdefault((place, layer.destiny.is_normalized), []).append((layer, found))
    return list(groups.values())


def and_others(group: list[Judged]) -> str:
    """Return the end of a message that names one layer of a group."""
    others = len(group) - 1
    if not others:
        return ""
    return f", and {others} more layer{'s' * (others > 1)} from this line"
