"""INIT005: the scale of activations drifts out of bounds between two normalizations."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

_FACTOR = 1e2  # of the root mean square, relative to the start of the stretch

_SHRINKS = "draw the layers before it with sigma = sqrt(2/d) behind a ReLU, or normalize"
_GROWS = (
    "draw the layers before it with sigma = sqrt(2/d) behind a ReLU, and less at the ends of "
    "residual branches, or normalize"
)


class SignalScaleDrift(Rule):
    """The scale of activations leaves [0.01, 100] before a normalization resets it."""

    code = "INIT005"
    name = "signal-scale-drift"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization", "signal")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the first activation whose scale is surely out of bounds, and the worst one."""
        if not model.facts.initialization.is_known:
            return
        outside = list(model.facts.segments.drifting(_FACTOR))
        if not outside:
            return
        first = outside[0]
        worst = max(outside, key=lambda each: abs(log(each.ratio)))
        more = "" if worst is first else f", and {worst.ratio:.2g} at {worst.node.name}"
        yield self.finding(
            f"the scale of activations at {first.node.name} is {first.ratio:.2g} of that at the "
            f"last normalization or input ({first.low:.2g} to {first.high:.2g} over random "
            f"weights){more}",
            node=first.node,
            tensor=first.node.output,
            data={
                "ratio": first.ratio,
                "band": [first.low, first.high],
                "worst": worst.ratio,
                "worst_node": worst.node.name,
                "activations": len(outside),
            },
            help=_GROWS if first.ratio > 1 else _SHRINKS,
        )
