"""INIT011: an embedding is too large for the output layer that shares it."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, LooksUp, Model, Rule, Severity
from archlint_rules.initialization.grouping import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Layer

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
            table = _table(model, layer)
            if table is None:
                continue
            # The features may be scaled before the product: T5 divides them by sqrt(d).
            logits = model.facts.propagation.signals.get(layer.node.output)
            unit = found.second_moment * layer.fan.fan_in
            spread = sqrt(unit if logits is None else logits.second_moment)
            if spread <= _LARGEST:
                continue
            yield self.finding(
                f"{table} is both the embedding and the output layer: with sigma "
                f"{found.std:g} and d = {layer.fan.fan_in:g} the logits start with a deviation of "
                f"{spread:.3g}",
                node=layer.node,
                tensor=table,
                data={"sigma": found.std, "fan_in": layer.fan.fan_in, "logit_std": spread},
                help=f"draw the embedding with sigma {1 / sqrt(layer.fan.fan_in):.3g} or less, as "
                "GPT-2 does with 0.02",
            )


def _table(model: Model, layer: Layer) -> str | None:
    """Return the table that a layer multiplies by, or of which it has a transposed copy."""
    uses = model.facts.parameters.trainable[layer.weight].uses
    flow = model.facts.flow
    users = (flow.graph.by_name.get(use.node.name) for use in uses)
    if any(user is not None and isinstance(flow.effect(user), LooksUp) for user in users):
        return layer.weight
    return model.facts.tied_tables.get(layer.weight)
