"""INIT001: the sigma of a layer that a ReLU feeds is not sqrt(2 / d)."""

from __future__ import annotations

from math import log, sqrt
from typing import TYPE_CHECKING

from archlint.api import Activates, Finding, Model, Passes, Pools, Rule, Severity
from archlint_rules.initialization.grouping import and_others, drawn, grouped
from archlint_rules.initialization.remedy import advice, fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Distribution, Layer
    from archlint_rules.initialization.grouping import Judged

TOLERANCE = 1.25
"""A sigma within this factor is accepted: it takes ten layers to lose or gain a decade."""

_MOST_BEHIND = 6


class ReluSigmaMismatch(Rule):
    """The weights of a layer after a ReLU are not drawn with sigma = sqrt(2/d)."""

    code = "INIT001"
    name = "relu-sigma-mismatch"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare sigma with sqrt(2/d) behind every ReLU, d the products summed for an output."""
        chosen: list[Judged] = []
        left: list[Judged] = []
        for layer, found in drawn(model):
            if self._breaks(model, layer, found):
                is_default = model.facts.initialization.default(layer)
                (left if is_default else chosen).append((layer, found))
        for group in grouped(chosen):
            yield self._chosen(model, group)
        if left:
            yield self._default(model, left)

    def _breaks(self, model: Model, layer: Layer, found: Distribution) -> bool:
        """Whether the spread of a weight breaks the rule."""
        if layer.folded or not layer.source.is_rectified:
            return False
        if found.std == 0 or not found.is_outside(expected(layer), TOLERANCE):
            return False
        if model.facts.initialization.default(layer) and layer.sink.is_normalized:
            return False  # a default, and the normalization cancels it
        if not layer.fan.transposed and saves_gradient(layer, found):
            return False  # INIT009 reports it
        return found.std > expected(layer) or not layer.may_be_small

    def _chosen(self, model: Model, group: list[Judged]) -> Finding:
        layer, found = group[0]
        normalized = layer.sink.is_normalized
        by_outputs = all(suits_outputs(*each) for each in group)
        averaged = all(is_averaged(model, each) for each, _ in group) and found.std < expected(
            layer
        )
        severity = Severity.INFO if normalized or by_outputs or averaged else Severity.WARNING
        after = "; the normalization after it cancels the scale" if normalized else ""
        others = and_others(group)
        return self.finding(
            f"sigma of {layer.weight} is {found.std:.4g}, {found.std / expected(layer):.2f} of "
            f"sqrt(2/d) = {expected(layer):.4g} for d = {layer.fan.fan_in:g}{others}{after}",
            node=layer.node,
            tensor=layer.weight,
            key="init" if found.initializer else None,
            data=_data(layer, found, [each.weight for each, _ in group]),
            help=advice(layer),
            severity=severity,
            fix=fix(model, [each for each, _ in group]),
        )

    def _default(self, model: Model, group: list[Judged]) -> Finding:
        layer, found = group[0]
        ratio = found.std / expected(layer)
        default = model.facts.initialization.default(layer)
        several = f"{len(group)} layers behind a ReLU are" if len(group) > 1 else "a layer is"
        return self.finding(
            f"{several} left at {default}: sigma of {layer.weight} is "
            f"{found.std:.4g}, {ratio:.2f} of sqrt(2/d) = {expected(layer):.4g} for "
            f"d = {layer.fan.fan_in:g}",
            node=layer.node,
            tensor=layer.weight,
            data=_data(layer, found, [each.weight for each, _ in group]),
            help=advice(layer),
            severity=Severity.INFO,
        )


def expected(layer: Layer) -> float:
    """Return sqrt(2 / d)."""
    return sqrt(2 / layer.fan.fan_in)


def saves_gradient(layer: Layer, found: Distribution) -> bool:
    """Whether sigma is sqrt(2 / fan-out), which preserves the scale of the gradient instead.

    PyTorch does not divide its fan-out by the groups; that does no harm before a normalization.
    """
    framework = layer.fan.framework_fans[1]
    fans = [framework / layer.fan.groups, *([framework] if layer.sink.is_normalized else [])]
    return any(found.is_within(sqrt(2 / fan), TOLERANCE) for fan in fans)


def suits_outputs(layer: Layer, found: Distribution) -> bool:
    """Whether the sigma of the last layer is at most the one that preserves the gradient's scale.

    It is then derived from the number of classes, and no further layer amplifies the outputs.
    """
    largest = sqrt(2 * layer.fan.groups / layer.fan.framework_fans[1])
    return layer.sink.is_final and found.std < largest * TOLERANCE


def is_averaged(model: Model, layer: Layer) -> bool:
    """Whether the outputs of the model are averages of what a layer makes of each position.

    It is then the last layer, as in SqueezeNet, although a function may follow it.
    """
    flow, name, is_pooled = model.facts.flow, layer.node.output, False
    for _ in range(_MOST_BEHIND):
        if name in model.graph.outputs:
            return is_pooled
        users = flow.readers(name)
        effect = flow.effect(users[0]) if len(users) == 1 else None
        if not isinstance(effect, (Activates, Passes, Pools)):
            return False
        is_pooled = is_pooled or isinstance(effect, Pools)
        name = users[0].output
    return False


def _data(layer: Layer, found: Distribution, weights: list[str]) -> dict[str, object]:
    low, high = found.ratio_range(expected(layer))
    return {
        "sigma": found.std,
        "expected": expected(layer),
        "fan_in": layer.fan.fan_in,
        "ratio": found.std / expected(layer),
        "log_ratio": [low, high],
        "tolerance": log(TOLERANCE),
        "family": found.family,
        "initializer": found.initializer,
        "weights": weights,
    }
