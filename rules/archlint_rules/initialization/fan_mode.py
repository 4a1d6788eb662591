"""INIT009: sigma fits another fan than the number of products that are summed."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.initialization.behind_relu import behind_relu
from archlint_rules.initialization.grouping import and_others, grouped
from archlint_rules.initialization.relu_sigma_mismatch import TOLERANCE, expected
from archlint_rules.initialization.remedy import fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Distribution, Fan, Layer

_CLOSE = 1.05
_FAN_OUT = "that is fan-out"  # which keeps the gradient: it may be meant


class FanMode(Rule):
    """Sigma matches a different fan than the number of products that are summed."""

    code = "INIT009"
    name = "fan-mode"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Name the fan that explains a sigma which INIT001 would not expect."""
        judged = (
            (layer, found)
            for layer, found in behind_relu(model)
            if found.is_outside(expected(layer), TOLERANCE)
            and not model.facts.initialization.default(layer)
            and _explanation(layer, found)
        )
        for group in grouped(judged):
            layer, found = group[0]
            words, fan = _explanation(layer, found) or ("", 0.0)
            yield self.finding(
                f"sigma of {layer.weight} is {found.std:.4g} = sqrt(2/{fan:g}): {words}, but "
                f"d = {layer.fan.fan_in:g} products are summed{and_others(group)}",
                node=layer.node,
                tensor=layer.weight,
                key="init" if found.initializer else None,
                data={
                    "sigma": found.std,
                    "fan_in": layer.fan.fan_in,
                    "fitting_fan": fan,
                    "hypothesis": words,
                },
                help="fan_in keeps the scale of the signal, fan_out that of the gradient; in a "
                "chain without a normalization choose one for all layers",
                fix=None if words == _FAN_OUT else fix(model, [each for each, _ in group]),
            )


def _explanation(layer: Layer, found: Distribution) -> tuple[str, float] | None:
    """Return the other fan that a sigma fits, in words and as a number."""
    for words, fan in _hypotheses(layer.fan):
        if fan != layer.fan.fan_in and found.is_within(sqrt(2 / fan), _CLOSE):
            return words, fan
    return None


def _hypotheses(fan: Fan) -> Iterator[tuple[str, float]]:
    framework_in, framework_out = fan.framework_fans
    yield _FAN_OUT, framework_out / fan.groups
    if fan.transposed:
        yield "that is what PyTorch calls the fan-in of a transposed weight", framework_in
    if fan.groups > 1:
        yield "the groups were forgotten", fan.fan_in * fan.groups
        yield "that is fan-out with the groups forgotten", framework_out
    if fan.kernel > 1:
        yield "the kernel was forgotten", fan.channels
