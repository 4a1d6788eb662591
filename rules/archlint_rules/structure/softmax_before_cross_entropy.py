"""ARCH003: probabilities where the loss expects scores."""

from __future__ import annotations

from math import e, log
from typing import TYPE_CHECKING

from archlint.api import (
    Activates,
    Finding,
    MeasuresLoss,
    Model,
    Rule,
    Severity,
    Shares,
    lies_within,
)

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
        """Look at what makes the scores of losses in the file, and of the configured one."""
        flow = model.facts.flow
        for node in flow.nodes:
            effect = flow.effect(node)
            if isinstance(effect, MeasuresLoss) and effect.takes_softmax:
                yield from self._look(model, node.inputs[0], f"{node.op} {node.name}")
        if model.target.training.loss == "cross-entropy" and model.graph.outputs:
            yield from self._look(model, model.graph.outputs[0], "the cross-entropy")

    def _look(self, model: Model, scores: str, loss: str) -> Iterator[Finding]:
        node = model.facts.flow.maker(scores)
        effect = None if node is None else model.facts.flow.effect(node)
        if node is None:
            return
        if isinstance(effect, Shares):
            yield self._squashed(node, scores, loss, "softmax", effect.length)
        elif isinstance(effect, Activates) and lies_within(effect, 0, 1):
            classes = _classes(model.graph.values[scores].shape)
            if classes != 1:  # a single class has a binary cross-entropy, which takes a sigmoid
                yield self._squashed(node, scores, loss, "sigmoid", classes)

    def _squashed(
        self, node: Node, scores: str, loss: str, word: str, classes: int | None
    ) -> Finding:
        # The best scores are 1 for the right class and 0 for all others.
        least = None if classes is None else log(1 + (classes - 1) / e)
        bound = " to 0" if least is None else f" below {least:.3g} for {classes} classes"
        return self.finding(
            f"{loss} takes the softmax of what {node.op} {node.name} returns: with scores between "
            f"0 and 1 the loss cannot fall{bound}",
            node=node,
            tensor=scores,
            data={"activation": word, "classes": classes, "least_loss": least},
            help=f"remove {node.name} from the model, and take the {word} in inference only",
        )


def _classes(shape: tuple[int | str | None, ...] | None) -> int | None:
    """Return the length of the class axis: the second one, but for sequences also the last."""
    if shape is None or len(shape) < 2 or len(shape) == 3:
        return None
    return shape[1] if isinstance(shape[1], int) else None
