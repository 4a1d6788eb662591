"""ARCH003: probabilities where the loss expects scores."""

from __future__ import annotations

from math import e, log
from typing import TYPE_CHECKING

from archlint.api import Activates, Finding, Model, Rule, Severity, Shares, lies_within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node


class SoftmaxBeforeCrossEntropy(Rule):
    """The loss takes the softmax of an output that is made by a softmax already."""

    code = "ARCH003"
    name = "softmax-before-cross-entropy"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("structure", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Look at what makes the output that the configured loss is computed from."""
        if model.target.training.loss != "cross-entropy" or not model.graph.outputs:
            return
        flow, output = model.facts.flow, model.graph.outputs[0]
        node = flow.maker(output)
        effect = None if node is None else flow.effect(node)
        if node is None:
            return
        if isinstance(effect, Shares):
            yield self._squashed(node, output, "softmax", effect.length)
        elif isinstance(effect, Activates) and lies_within(effect, 0, 1):
            last = (model.graph.values[output].shape or (None,))[-1]
            yield self._squashed(node, output, "sigmoid", last if isinstance(last, int) else None)

    def _squashed(self, node: Node, output: str, word: str, classes: int | None) -> Finding:
        # The best scores are 1 for the right class and 0 for all others.
        least = None if classes is None else log(1 + (classes - 1) / e)
        bound = " to 0" if least is None else f" below {least:.3g} for {classes} classes"
        return self.finding(
            f"{output} is made by a {word}, and the cross-entropy takes the softmax of it again: "
            f"with scores between 0 and 1 the loss cannot fall{bound}",
            node=node,
            tensor=output,
            data={"activation": word, "classes": classes, "least_loss": least},
            help=f"remove {node.name} from the model, and take the {word} in inference only",
        )
