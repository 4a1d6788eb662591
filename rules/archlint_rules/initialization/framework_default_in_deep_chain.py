"""INIT003: a deep chain of ReLU layers is left at the framework's default."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.initialization.behind_relu import behind_relu
from archlint_rules.initialization.remedy import advice, fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Layer

_DEEP = 5


class FrameworkDefaultInDeepChain(Rule):
    """A deep chain of ReLU layers without a normalization keeps the framework's default."""

    code = "INIT003"
    name = "framework-default-in-deep-chain"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the end of the longest row of layers with default initialization."""
        rectified = [layer for layer, _ in behind_relu(model) if not layer.sink.opens_gate]
        if not rectified:
            return
        runs = model.facts.segments.defaults
        left = [layer for layer in rectified if runs.get(layer.node.output, 0) >= _DEEP]
        if left:
            yield self._left(model, left)

    def _left(self, model: Model, left: list[Layer]) -> Finding:
        runs = model.facts.segments.defaults
        last = max(left, key=lambda layer: runs[layer.node.output])
        run = runs[last.node.output]
        initialization = model.facts.initialization
        found = initialization.initial(last.weight)
        ratio = 0.0 if found is None else found.std / sqrt(2 / last.fan.fan_in)
        data: dict[str, object] = {
            "layers": run,
            "ratio": ratio,
            "default": initialization.default(last),
        }
        signal = model.facts.propagation.signals.get(last.node.output)
        forgotten = ""
        if signal is not None:
            start = model.facts.segments.starts[last.node.output]
            data |= {
                "second_moment": signal.second_moment,
                "gain": signal.second_moment / start,
                "correlation": signal.correlation,
            }
            forgotten = (
                f"; behind the last one the second moment is {signal.second_moment:.2g}, and two "
                f"inputs have the cosine {signal.correlation:.4f}"
            )
        return self.finding(
            f"{run} layers in a row without a normalization are left at "
            f"{initialization.default(last)}, {ratio:.2f} of sqrt(2/d) behind a ReLU{forgotten}",
            node=last.node,
            tensor=last.weight,
            data=data,
            help=f"{advice(last)} at each of them",
            fix=fix(model, [layer for layer in _chain(model) if not layer.sink.is_final]),
        )


def _chain(model: Model) -> list[Layer]:
    """Return the layers after a ReLU with default initialization and without normalization."""
    default = model.facts.initialization.default
    return [layer for layer, _ in behind_relu(model) if default(layer)]
