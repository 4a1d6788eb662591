"""INIT010: biases, gains and shifts that do not start neutral."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import (
    Edit,
    Finding,
    Fix,
    Model,
    Normalizes,
    Place,
    Rule,
    Severity,
    Sums,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node


class UnusualBias(Rule):
    """A bias, or a gain or shift of a normalization, does not start at its neutral value."""

    code = "INIT010"
    name = "unusual-bias"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("initialization",)
    enabled = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Report constants other than 0 in biases and shifts, and other than 1 in gains."""
        for node in model.facts.flow.nodes:
            effect = model.facts.flow.effect(node)
            if isinstance(effect, Sums):
                offset = model.facts.flow.offset_of(node, effect)
                if offset is not None:
                    yield from self._judge(model, node, offset, "bias", 0.0)
            elif isinstance(effect, Normalizes):
                for slot, word, neutral in ((effect.gain, "gain", 1.0), (effect.shift, "shift", 0)):
                    if slot is not None:
                        yield from self._judge(model, node, node.inputs[slot], word, neutral)

    def _judge(
        self, model: Model, node: Node, name: str, word: str, neutral: float
    ) -> Iterator[Finding]:
        root = model.facts.parameters.origins.get(name, name)
        found = model.facts.initialization.initial(root)
        if found is None or not found.is_constant or found.mean == neutral:
            return
        yield self.finding(
            f"{word} {root} starts with {found.mean:g}, not {neutral:g}",
            node=node,
            tensor=root,
            key="bias_init" if word != "gain" else "init",
            data={"value": found.mean, "neutral": neutral, "kind": word},
            help="remove it unless it is intended, as is the prior in a detector's last layer",
            fix=_fix(model, node, word, found.mean),
        )


def _fix(model: Model, node: Node, word: str, value: float) -> Fix | None:
    """Return the fix to the neutral value, except where other values are common practice."""
    sink = model.facts.flow.sinks.get(node.output)
    is_prior = word == "bias" and (sink is None or sink.is_final)
    is_closed = word == "gain" and value == 0
    if node.document_path is None or is_prior or is_closed:
        return None
    key, text = ("init", "ones") if word == "gain" else ("bias_init", "zeros")
    return Fix(f"start with {text}", (Edit(Place(node=node.name, key=key), text),))
