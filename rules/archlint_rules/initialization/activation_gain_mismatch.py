"""INIT002: the sigma after an activation other than ReLU does not preserve the scale."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, accepted_gains, gain
from archlint_rules.initialization.grouping import and_others, drawn, grouped
from archlint_rules.initialization.relu_sigma_mismatch import (
    TOLERANCE,
    saves_gradient,
    suits_outputs,
)
from archlint_rules.initialization.remedy import advice, fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Distribution, Layer
    from archlint_rules.initialization.grouping import Judged


class ActivationGainMismatch(Rule):
    """The sigma of a layer after an activation is far from gain / sqrt(d)."""

    code = "INIT002"
    name = "activation-gain-mismatch"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare sigma with the gains in use for the activation before each layer."""
        judged = (each for each in drawn(model) if self._is_judged(model, each[0]))
        for group in grouped(each for each in judged if _breaks(model, *each)):
            mild = all(_is_before_head(model, *each) or suits_outputs(*each) for each in group)
            yield self._mismatch(model, group, Severity.INFO if mild else None)

    def _is_judged(self, model: Model, layer: Layer) -> bool:
        activation = layer.source.activation
        if activation is None or activation.is_gate or layer.source.is_rectified:
            return False
        left = model.facts.initialization.default(layer)
        return not (layer.folded or left or layer.sink.is_normalized)

    def _mismatch(self, model: Model, group: list[Judged], severity: Severity | None) -> Finding:
        layer, found = group[0]
        activation = layer.source.activation
        assert activation is not None  # noqa: S101 - for the type checker: it was judged
        low, high = (each / sqrt(layer.fan.fan_in) for each in accepted_gains(activation))
        name = activation.name
        right = f"{low:.4g}" if high < 1.001 * low else f"{low:.4g} to {high:.4g}"
        return self.finding(
            f"sigma of {layer.weight} is {found.std:.4g}; behind {name} with d = "
            f"{layer.fan.fan_in:g} the scale is kept by {right}{and_others(group)}",
            node=layer.node,
            tensor=layer.weight,
            key="init" if found.initializer else None,
            data={
                "sigma": found.std,
                "expected": [low, high],
                "fan_in": layer.fan.fan_in,
                "ratio": found.std * sqrt(layer.fan.fan_in) / gain(activation),
                "activation": name,
                "weights": [each.weight for each, _ in group],
            },
            help=advice(layer),
            severity=severity,
            fix=fix(model, [each for each, _ in group]),
        )


def _breaks(model: Model, layer: Layer, found: Distribution) -> bool:
    """Whether a sigma is outside of the range of all gains in use."""
    if found.std == 0 or layer.source.activation is None:
        return False
    if not layer.fan.transposed and saves_gradient(layer, found):
        return False  # as image models are drawn, whatever the activation
    low, high = accepted_gains(layer.source.activation)
    scale = sqrt(layer.fan.fan_in)
    lowest, highest = (
        found.ratio_range(each / scale) for each in (low / TOLERANCE, high * TOLERANCE)
    )
    is_small, is_large = lowest[1] < 0, highest[0] > 0
    if is_small and not layer.may_be_small:
        return not model.facts.segments.is_bypassed(layer)
    return is_large


def _is_before_head(model: Model, layer: Layer, found: Distribution) -> bool:
    """Whether a layer before the last one loses less than a decade, which may be intended."""
    if layer.node.name not in model.facts.segments.before_heads:
        return False
    assert layer.source.activation is not None  # noqa: S101 - for the type checker: it was judged
    low = accepted_gains(layer.source.activation)[0] / sqrt(layer.fan.fan_in)
    return low / 10 < found.std < low
