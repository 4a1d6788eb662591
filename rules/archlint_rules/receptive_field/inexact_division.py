"""RF004: the stride does not divide the padded input, so that its borders differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.windows import axes_of, by_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Window


class InexactDivision(Rule):
    """The stride does not divide the padded input evenly."""

    code = "RF004"
    name = "inexact-division"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report each window that leaves a remainder."""
        left = (window for window in model.facts.receptive_fields.windows if window.remainder)
        for group in by_node(left):
            yield self._finding(group)

    def _finding(self, group: list[Window]) -> Finding:
        first = group[0]
        sliding, rest = first.sliding, first.remainder
        lost = first.unread
        are = "are" if lost > 1 else "is"
        border = f", so that the last {lost} of {first.size} {are} never read" if lost else ""
        exact = " or ".join(map(str, first.exact_sizes or ()))
        return self.finding(
            f"({first.size} + {sliding.padding} - {sliding.extent}) / {sliding.stride} of "
            f"{first.node.name} leaves a remainder of {rest} along {axes_of(group)}{border}",
            node=first.node,
            data={
                "axes": [window.axis for window in group],
                "remainders": [window.remainder for window in group],
                "unread": [window.unread for window in group],
                "sizes": [window.size for window in group],
            },
            help=f"a size of {exact} there divides exactly",
        )
