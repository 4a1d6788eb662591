"""ARCH002: two layers in a row without a function between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, format_count

if TYPE_CHECKING:
    from collections.abc import Iterator


class LinearAfterLinear(Rule):
    """Two layers in a row, with nothing nonlinear between them, could be one with fewer weights."""

    code = "ARCH002"
    name = "linear-after-linear"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report pairs of layers that compute what a single one can, with as many weights."""
        pairs = model.facts.linear_pairs
        if not pairs:
            return
        first, others = pairs[0], len(pairs) - 1
        more = f", and so do {others} more pairs" if others > 1 else ", and so does another pair"
        yield self.finding(
            f"{first.first.name} and {first.second.name} compute what one layer can, with nothing "
            f"nonlinear between them: {format_count(first.weights)} weights instead of "
            f"{format_count(first.merged_weights)}{more * bool(others)}",
            node=first.second,
            data={
                "pairs": [[each.first.name, each.second.name] for each in pairs],
                "weights": first.weights,
                "merged_weights": first.merged_weights,
            },
            help="put an activation between them, or make them one layer",
        )
