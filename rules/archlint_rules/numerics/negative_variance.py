"""NUM008: running variances below zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Normalizes, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node


class NegativeVariance(Rule):
    """A running variance is negative, so that its normalization takes the root of that."""

    code = "NUM008"
    name = "negative-variance"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("numerics",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report stored variances that stay below zero with epsilon added."""
        for part in model.parts:
            yield from self._look(part)

    def _look(self, model: Model) -> Iterator[Finding]:
        flow = model.facts.flow
        for node in flow.weighted:
            effect = flow.effect(node)
            name = _variance(model, node)
            if name is None or not isinstance(effect, Normalizes):
                continue
            found = model.facts.numbers.describe(name)
            least = None if found is None else found.minimum
            if least is not None and least + effect.epsilon < 0:
                yield self._negative(node, name, least)

    def _negative(self, node: Node, name: str, least: float) -> Finding:
        return self.finding(
            f"running variance {name} is negative, down to {least:g}: the output of {node.name} "
            "is NaN in inference",
            node=node,
            tensor=name,
            data={"minimum": least},
            help="a variance is never negative: look for a wrong order of tensors in a conversion, "
            "or for an average of checkpoints that was extrapolated",
        )


def _variance(model: Model, node: Node) -> str | None:
    """Return the stored tensor with the running variance of a normalization."""
    operator = model.facts.operators.of(node)
    if operator is None or len(operator.buffers) < 2:
        return None
    slot = operator.buffers[1]
    if slot >= len(node.inputs):
        return None
    return model.facts.parameters.origins.get(node.inputs[slot])
