"""INIT011: an embedding is too large for the output layer that shares it."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, LooksUp, Model, Rule, Severity
from archlint_rules.initialization.grouping import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 5.0


class TiedEmbeddingSigma(Rule):
    """An embedding that is tied to the output layer starts too large for logits."""

    code = "INIT011"
    name = "tied-embedding-sigma"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report tables that are looked up and multiplied, with sigma sqrt(d) above 5."""
        for layer, found in drawn(model):
            uses = model.facts.parameters.trainable[layer.weight].uses
            effects = (model.facts.flow.effects.get(use.node.name) for use in uses)
            if not any(isinstance(effect, LooksUp) for effect in effects):
                continue
            # What is multiplied has a scale of its own: T5 divides it by sqrt(d).
            logits = model.facts.propagation.signals.get(layer.node.output)
            unit = found.second_moment * layer.fan.fan_in
            spread = sqrt(unit if logits is None else logits.second_moment)
            if spread <= _LARGEST:
                continue
            yield self.finding(
                f"{layer.weight} is both the embedding and the output layer: with sigma "
                f"{found.std:g} and d = {layer.fan.fan_in:g} the logits start with a deviation of "
                f"{spread:.3g}",
                node=layer.node,
                tensor=layer.weight,
                data={"sigma": found.std, "fan_in": layer.fan.fan_in, "logit_std": spread},
                help=f"draw the embedding with sigma {1 / sqrt(layer.fan.fan_in):.3g} or less, as "
                "GPT-2 does with 0.02",
            )
