"""OPT002: a learning rate has the scale of another optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Adam, Finding, Model, Momentum, Rule, Severity, equal_rate
from archlint_rules.optimizer.family import ADAM_LIKE, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Training

_UNIT_STEPS = ADAM_LIKE | {"lion"}
_ADAM_LARGEST = 1e-2
_START = {"lion": 1e-4}  # 3 to 10 times less than for AdamW (Chen et al. 2023)
_SGD_LARGEST = 10.0
_USUAL_GRADIENT, _USUAL_MOMENTUM = 1e-3, 0.9
_RMSPROP_DECAY = 0.99  # PyTorch's default


class LearningRateOfAnotherOptimizer(Rule):
    """The learning rate is on the scale of another optimizer."""

    code = "OPT002"
    name = "learning-rate-of-another-optimizer"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("optimizer", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the size of a steady step with the largest usual one."""
        training = model.target.training
        rate = training.learning_rate
        if rate is None:
            return
        if training.optimizer in _UNIT_STEPS and rate >= _ADAM_LARGEST:
            yield self._of_sgd(training, rate)
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
                    help=f"use {1 - beta:.3g} for a steady rate of 1",
                )

    def _of_sgd(self, training: Training, rate: float) -> Finding:
        """Report a rate that is larger than Adam's steps may be."""
        step, first = Adam(rate).steady_step(1.0), None
        if training.optimizer == "rmsprop":
            decay = training.betas[1] if training.betas else _RMSPROP_DECAY
            first = Adam(rate, (0.0, decay)).uncorrected_step(1.0, 1)
        at_first = "" if first is None else f", and by {first:g} at the first"
        same = equal_rate(Momentum(rate, _USUAL_MOMENTUM), _USUAL_GRADIENT)
        return self.finding(
            f"learning rate {rate:g} with {training.optimizer} moves every weight by {step:g} "
            f"at each step{at_first}, whatever its gradient: that is a rate for SGD",
            path=place("learning-rate"),
            data={
                "optimizer": training.optimizer,
                "learning_rate": rate,
                "step": step,
                "first_step": step if first is None else first,
            },
            help=f"start from {_START.get(training.optimizer or '', 1e-3):g}; rates for SGD with "
            f"momentum compare as rate here = rate_SGD |g| / (1 - beta), so that {rate:g} there "
            f"is {same:g} here where gradients are about {_USUAL_GRADIENT:g}",
        )
