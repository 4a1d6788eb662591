"""INIT007: all weights of a layer start with the same number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.initialization.grouping import and_others, drawn, grouped
from archlint_rules.initialization.remedy import advice, fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Distribution, Layer
    from archlint_rules.initialization.grouping import Judged


class ConstantWeights(Rule):
    """All weights of a layer are equal, so that its units always stay identical."""

    code = "INIT007"
    name = "constant-weights"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report declared and fresh weights without any spread."""
        trainable = model.facts.parameters.trainable
        judged = (
            (layer, found)
            for layer, found in drawn(model)
            if layer.fan.outputs > 1 and trainable[layer.weight].trained
        )
        for group in grouped(each for each in judged if _breaks(model, *each)):
            yield self._constant(model, group)

    def _constant(self, model: Model, group: list[Judged]) -> Finding:
        layer, found = group[0]
        units = f"the {layer.fan.outputs} units of {layer.node.name}"
        effect = (
            f"{layer.node.name} outputs the same for every input, and passes no gradient back"
            if found.mean == 0
            else f"{units} start equal, get equal gradients and stay equal"
        )
        return self.finding(
            f"all weights of {layer.weight} are {found.mean:g}: {effect}{and_others(group)}",
            node=layer.node,
            tensor=layer.weight,
            key="init" if found.initializer else None,
            data={"value": found.mean, "weights": [each.weight for each, _ in group]},
            help=advice(layer),
            fix=fix(model, [each for each, _ in group]),
        )


def _breaks(model: Model, layer: Layer, found: Distribution) -> bool:
    """Whether equal weights do harm: zeros are right at the end of a branch or of the network."""
    if not found.is_constant:
        return False
    if found.mean != 0:
        return True
    if layer.sink.joins or layer.sink.is_final or layer.weight.endswith("lora_B"):
        return False
    segments = model.facts.segments
    return segments.is_cut_off(layer) or not segments.is_bypassed(layer)
