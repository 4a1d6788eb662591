"""INIT006: narrow layers make the scale of the signal vary between seeds."""

from __future__ import annotations

from math import exp, sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 2.0  # 5 times a sum of 1/n of 0.4


class WidthFluctuation(Rule):
    """Many narrow layers make the scale of the signal vary from seed to seed."""

    code = "INIT006"
    name = "width-fluctuation"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("initialization", "signal")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the tensor whose second moment varies most over random weights."""
        if not model.facts.initialization.is_known:
            return
        signals = model.facts.propagation.signals
        names = [node.output for node in model.graph.nodes if node.output in signals]
        worst = max(names, key=lambda name: signals[name].fluctuation, default=None)
        if worst is None or signals[worst].fluctuation <= _LARGEST:
            return
        variance = signals[worst].fluctuation
        yield self.finding(
            f"the second moment of {worst} differs by a factor of {exp(sqrt(variance)):.2g} from "
            f"one random initialization to the next: the layers before it are many and narrow",
            node=model.graph.producers[worst],
            tensor=worst,
            data={"log_variance": variance, "limit": _LARGEST},
            help="widen the narrowest layers, or put a normalization between them",
        )
