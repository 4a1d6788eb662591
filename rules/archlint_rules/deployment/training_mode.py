"""DEPLOY003: layers in training mode, in a file that is to be deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node


class TrainingMode(Rule):
    """Dropout or batch norm runs in training mode, in a file that the target deploys."""

    code = "DEPLOY003"
    name = "training-mode"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("deployment",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report active dropouts and batch norms with the statistics of the batch."""
        if model.target.is_deployment:
            drops = tuple(node for part in model.parts for node in part.facts.active_dropouts)
            norms = tuple(node for part in model.parts for node in part.facts.training_batch_norms)
            if drops or norms:
                yield self._trains(drops, norms)

    def _trains(self, drops: tuple[Node, ...], norms: tuple[Node, ...]) -> Finding:
        told = []
        if drops:
            are = _counted(drops, "dropout", ("is", "are"))
            told.append(f"{are} active, so that the output is another in every run")
        if norms:
            use = _counted(norms, "batch norm", ("uses", "use"))
            told.append(f"{use} the statistics of the batch, so that samples change each other")
        return self.finding(
            "; ".join(told),
            node=(*drops, *norms)[0],
            data={
                "dropouts": [node.name for node in drops],
                "batch_norms": [node.name for node in norms],
            },
            help="export after model.eval(); if the file is for the memory of training, state "
            "training.optimizer",
        )


def _counted(nodes: tuple[Node, ...], kind: str, verbs: tuple[str, str]) -> str:
    one, several = verbs
    return f"{kind} {nodes[0].name} {one}" if len(nodes) == 1 else f"{len(nodes)} {kind}s {several}"
