"""INIT005: activations leave every useful scale between two normalizations."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, Kind, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOWEST, _HIGHEST = 1e-2, 1e2  # root mean square, relative to the start of the stretch


class SignalScaleDrift(Rule):
    """The scale of activations leaves [0.01, 100] before a normalization resets it."""

    code = "INIT005"
    name = "signal-scale-drift"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization", "signal")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the first activation whose scale is surely out of bounds, and the worst one."""
        facts = model.facts
        if not facts.initialization.is_known:
            return
        outside = []
        for node in facts.flow.graph.nodes:
            origin = facts.flow.origins.get(node.output)
            is_activation = origin is not None and origin.kind is Kind.ACTIVATION
            if not is_activation or origin is None or origin.node is not node:
                continue
            signal = facts.propagation.signals.get(node.output)
            start = facts.segments.starts.get(node.output, 0.0)
            if signal is None or start <= 0:
                continue
            low, high = (sqrt(max(each, 0) / start) for each in signal.band)
            if 0 < high < _LOWEST or low > _HIGHEST:
                outside.append((node, sqrt(signal.second_moment / start), (low, high)))
        if not outside:
            return
        node, ratio, band = outside[0]
        worst = max(outside, key=lambda each: abs(_log(each[1])))
        more = "" if worst[0] is node else f", and {worst[1]:.2g} at {worst[0].name}"
        yield self.finding(
            f"the scale of activations is {ratio:.2g} of what the stretch started with at "
            f"{node.name} ({band[0]:.2g} to {band[1]:.2g} over random weights){more}",
            node=node,
            tensor=node.output,
            data={
                "ratio": ratio,
                "band": list(band),
                "worst": worst[1],
                "worst_node": worst[0].name,
                "activations": len(outside),
            },
            help="draw the layers before it with sigma = sqrt(2/d) behind a ReLU, or normalize",
        )


def _log(value: float) -> float:
    from math import log

    return log(max(value, 1e-300))
