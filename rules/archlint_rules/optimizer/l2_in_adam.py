"""OPT001: weight decay in Adam is divided by the size of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.optimizer.family import COUPLED_DECAY, place

if TYPE_CHECKING:
    from collections.abc import Iterator


class L2InAdam(Rule):
    """Weight decay is coupled to an optimizer that rescales the gradient."""

    code = "OPT001"
    name = "l2-in-adam"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("optimizer", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report weight decay in Adam and its relatives other than AdamW."""
        training = model.target.training
        if training.optimizer not in COUPLED_DECAY or not training.weight_decay:
            return
        yield self.finding(
            f"weight decay {training.weight_decay:g} in {training.optimizer} is added to the "
            "gradient and divided by its size: weights with large gradients hardly decay",
            path=place("weight-decay"),
            data={"optimizer": training.optimizer, "weight_decay": training.weight_decay},
            help="use adamw, which applies the decay to the weights directly"
            if training.optimizer.startswith("adam")
            else "use an optimizer with decoupled decay, such as adamw",
        )
