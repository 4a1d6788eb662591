"""Sliding windows in groups and in words, for the rules on geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint_rules.receptive_field.words import axes

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from archlint.api import Window

_SHOWN = 4  # names in a message; the data have all


def by_node(found: Iterable[Window]) -> list[list[Window]]:
    """Return windows grouped by their node, in order."""
    groups: dict[str, list[Window]] = {}
    for window in found:
        groups.setdefault(window.node.name, []).append(window)
    return list(groups.values())


def by_kind(
    found: Iterable[list[Window]], kind: Callable[[list[Window]], Hashable]
) -> list[list[list[Window]]]:
    """Group the windows of several nodes that are of one kind, in order: one finding each.

    In text files only nodes of one line are grouped, and never those that a file ignores rules for.
    """
    groups: dict[Hashable, list[list[Window]]] = {}
    for windows in found:
        node = windows[0].node
        place = node.document_path or (node.name if node.ignored_rules is not None else node.op)
        groups.setdefault((place, kind(windows)), []).append(windows)
    return list(groups.values())


def and_others(group: list[list[Window]]) -> str:
    """Return the end of a message about the first node of a group: the others, by name."""
    names = [windows[0].node.name for windows in group[1:]]
    if not names:
        return ""
    layers = f"{len(names)} more layer{'s' * (len(names) > 1)}"
    if group[0][0].node.document_path:
        return f", as in {layers} from this line"
    shown = ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
    return f", as in {layers} like it: {shown}"


def axes_of(found: Iterable[Window]) -> str:
    """Return the axes of windows as words: `axis 2` or `axes 2 and 3`."""
    return axes(window.axis for window in found)
