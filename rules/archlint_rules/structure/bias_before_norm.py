"""ARCH001: biases that the normalization behind them subtracts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import (
    Finding,
    Model,
    Normalizes,
    Over,
    Rule,
    Severity,
    Sums,
    format_count,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node

_BY_CHANNEL = (Over.BATCH, Over.PLANE)


class BiasBeforeNorm(Rule):
    """The bias of a layer is subtracted again by the normalization behind it."""

    code = "ARCH001"
    name = "bias-before-norm"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report trained biases that a normalization of each channel comes right after."""
        found = [
            (node, bias)
            for node in model.facts.flow.weighted
            if (bias := _bias(model, node)) is not None and _is_subtracted(model, node)
        ]
        if found:
            yield self._useless(model, found)

    def _useless(self, model: Model, found: list[tuple[Node, str]]) -> Finding:
        node, bias = found[0]
        names = list(dict.fromkeys(name for _, name in found))
        count = sum(model.graph.values[name].elements or 0 for name in names)
        others = len(found) - 1
        more = f", and so are those of {others} more layer{'s' * (others > 1)}" if others else ""
        spelled = "bias: false" if node.document_path else "bias=False"
        return self.finding(
            f"bias {bias} of {node.name} is subtracted again by the normalization behind it{more}: "
            f"{format_count(count)} parameters without effect",
            node=node,
            tensor=bias,
            data={"parameters": count, "biases": names},
            help=f"leave the bias out ({spelled}): the normalization gives the same without it",
        )


def _bias(model: Model, node: Node) -> str | None:
    """Return the trained bias of a weighted sum."""
    effect = model.facts.flow.effect(node)
    if not isinstance(effect, Sums) or effect.bias is None:
        return None
    root = model.facts.parameters.origins.get(node.inputs[effect.bias])
    entry = model.facts.parameters.trainable.get(root or "")
    return root if entry is not None and entry.trained else None


def _is_subtracted(model: Model, node: Node) -> bool:
    """Whether all that reads a layer takes the mean of each channel from it."""
    users = model.facts.flow.readers(node.output)
    effects = [model.facts.flow.effect(user) for user in users if user.inputs[0] == node.output]
    return (
        0 < len(effects) == len(users)
        and node.output not in model.graph.outputs
        and all(
            isinstance(effect, Normalizes) and effect.centred and effect.over in _BY_CHANNEL
            for effect in effects
        )
    )
