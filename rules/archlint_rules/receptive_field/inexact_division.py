"""RF004: the stride does not divide the padded input, so that one border is treated unlike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.windows import axes_of, by_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Window


class InexactDivision(Rule):
    """The stride does not divide the padded input without a remainder."""

    code = "RF004"
    name = "inexact-division"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report each window that leaves a remainder."""
        left = (window for window in model.facts.receptive_fields.windows if remainder(window))
        for group in by_node(left):
            yield self._finding(group)

    def _finding(self, group: list[Window]) -> Finding:
        first = group[0]
        sliding, rest = first.sliding, remainder(first)
        lost = unread(first)
        border = f", so that the last {lost} of {first.size} are never read" if lost else ""
        shorter = (first.size or 0) - rest
        return self.finding(
            f"({first.size} + {sliding.padding} - {sliding.extent}) / {sliding.stride} of "
            f"{first.node.name} leaves a remainder of {rest} along {axes_of(group)}{border}",
            node=first.node,
            data={
                "axes": [window.axis for window in group],
                "remainders": [remainder(window) for window in group],
                "unread": [unread(window) for window in group],
                "sizes": [window.size for window in group],
            },
            help=f"a size of {shorter} or {shorter + sliding.stride} there divides exactly",
        )


def remainder(window: Window) -> int:
    """Return (W + P - K) mod S, with both paddings in P; 0 where a size is not known."""
    sliding = window.sliding
    if window.size is None or sliding.padding is None:
        return 0
    if sliding.stride == 1 or str(window.node.attributes.get("auto_pad", "")).startswith("SAME"):
        return 0
    span = window.size + sliding.padding - sliding.extent
    return span % sliding.stride if span >= 0 else 0


def unread(window: Window) -> int:
    """Return how many elements at the end no window covers; 0 where that is not known."""
    if window.sliding.after is None or window.rounds_up:
        return 0
    return max(0, remainder(window) - window.sliding.after)
