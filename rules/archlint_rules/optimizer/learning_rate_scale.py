"""OPT002: a learning rate has the scale of another optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Momentum, Rule, Severity
from archlint_rules.optimizer.family import ADAM_LIKE, place

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADAM_LARGEST = 1e-2
_SGD_LARGEST = 10.0


class LearningRateScale(Rule):
    """A learning rate has the scale of another optimizer."""

    code = "OPT002"
    name = "learning-rate-of-another-optimizer"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("optimizer", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the steady step with what the optimizer can bear."""
        training = model.target.training
        rate = training.learning_rate
        if rate is None:
            return
        if training.optimizer in ADAM_LIKE and rate >= _ADAM_LARGEST:
            yield self.finding(
                f"learning rate {rate:g} with {training.optimizer} moves every weight by {rate:g} "
                "at each step, whatever its gradient: that is a rate for SGD",
                path=place("learning-rate"),
                data={"optimizer": training.optimizer, "learning_rate": rate, "step": rate},
                help="start from 1e-3; rates for SGD with momentum compare as rate_Adam = "
                "rate_SGD |g| / (1 - beta)",
            )
        if training.optimizer in {"sgd", "sgd-momentum"}:
            beta = (training.momentum or 0.0) if training.optimizer == "sgd-momentum" else 0.0
            reach = Momentum(rate, beta).steady_step(1.0) if beta < 1 else float("inf")
            if reach > _SGD_LARGEST:
                yield self.finding(
                    f"learning rate {rate:g} with momentum {beta:g} is {reach:.3g} times the "
                    "gradient once momentum has built up",
                    path=place("learning-rate"),
                    data={
                        "optimizer": training.optimizer,
                        "learning_rate": rate,
                        "momentum": beta,
                        "steady_rate": reach,
                    },
                    help=f"a steady rate of 1 is {1 - beta:.3g} here",
                )
