"""Sliding windows in groups and in words, for the rules on geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint_rules.receptive_field.words import axes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.api import Window


def by_node(found: Iterable[Window]) -> list[list[Window]]:
    """Return windows grouped by their node, in order."""
    groups: dict[str, list[Window]] = {}
    for window in found:
        groups.setdefault(window.node.name, []).append(window)
    return list(groups.values())


def axes_of(found: Iterable[Window]) -> str:
    """Return the axes of windows as words: `axis 2` or `axes 2 and 3`."""
    return axes(window.axis for window in found)
