"""OPT003: a factor on the whole loss does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.optimizer.family import SCALE_FREE, place

if TYPE_CHECKING:
    from collections.abc import Iterator


class LossWeightWithoutEffect(Rule):
    """A factor on the whole loss has no effect on an optimizer that normalizes the gradient."""

    code = "OPT003"
    name = "loss-weight-without-effect"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("optimizer", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report a loss weight other than one with a scale-free optimizer."""
        training = model.target.training
        weight = training.loss_weight
        if training.optimizer not in SCALE_FREE or weight is None or weight in {0.0, 1.0}:
            return
        yield self.finding(
            f"loss weight {weight:g} does not change a step of {training.optimizer}, which divides "
            "the gradient by its own size",
            path=place("loss-weight"),
            data={"optimizer": training.optimizer, "loss_weight": weight},
            help="change the learning rate instead; weights between several losses do count",
        )
