"""RF004: the stride does not divide the padded input, so that its borders differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.windows import and_others, axes_of, by_kind, by_node

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from archlint.api import Window


class InexactDivision(Rule):
    """The stride does not divide the padded input evenly."""

    code = "RF004"
    name = "inexact-division"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report windows that leave a remainder, alike ones together."""
        left = (window for window in model.facts.receptive_fields.windows if window.remainder)
        for group in by_kind(by_node(left), _kind):
            yield self._finding(group)

    def _finding(self, group: list[list[Window]]) -> Finding:
        windows = group[0]
        first = windows[0]
        sliding, rest = first.sliding, first.remainder
        lost = first.unread
        are = "are" if lost > 1 else "is"
        border = f", so that the last {lost} of {first.size} {are} never read" if lost else ""
        exact = " or ".join(map(str, first.exact_sizes or ()))
        return self.finding(
            f"({first.size} + {sliding.padding} - {sliding.extent}) / {sliding.stride} of "
            f"{first.node.name} leaves a remainder of {rest} along {axes_of(windows)}{border}"
            f"{and_others(group)}",
            node=first.node,
            data={
                "axes": [window.axis for window in windows],
                "remainders": [window.remainder for window in windows],
                "unread": [window.unread for window in windows],
                "sizes": [window.size for window in windows],
                "nodes": [each[0].node.name for each in group],
            },
            help=f"a size of {exact} there divides exactly",
        )


def _kind(windows: list[Window]) -> Hashable:
    """Layers do the same, whatever the size of the map that they do it to."""
    return tuple(
        (window.axis, window.sliding, window.remainder, window.unread) for window in windows
    )
