"""OPT007: the run is shorter than the optimizer's averages, or hardly moves the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Adam, Finding, Model, Momentum, Rule, Severity, format_share
from archlint_rules.optimizer.family import ADAM_LIKE, decays, place
from archlint_rules.optimizer.sigmas import sigmas

if TYPE_CHECKING:
    from collections.abc import Iterator

_REACH = 0.1  # of sigma: weights that move less are hardly trained


class RunShorterThanHorizon(Rule):
    """The run is too short for the optimizer's averages to settle, or for the weights to move."""

    code = "OPT007"
    name = "run-shorter-than-horizon"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("optimizer", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the number of steps with 1/(1 - beta), and the total reach with sigma."""
        training = model.target.training
        if training.steps is None:
            return
        if training.warmup_steps is not None and training.warmup_steps > training.steps:
            yield self._warmup(training.warmup_steps, training.steps)
        if training.optimizer == "sgd-momentum" and training.momentum:
            yield from self._momentum(training.momentum, training.steps)
        if training.optimizer not in ADAM_LIKE:
            return
        adam = Adam(training.learning_rate or 0.0, decays(training))
        if training.optimizer != "rmsprop" and training.steps < adam.horizon:
            yield self.finding(
                f"the run of {training.steps:,} steps is shorter than the {adam.horizon:,.0f} over "
                f"which beta2 = {adam.betas[1]:g} averages squared gradients: at its end "
                f"{format_share(adam.filled(training.steps))} of the average is there, and the "
                "bias correction makes up for the rest",
                path=place("betas" if training.betas else "steps"),
                data={
                    "steps": training.steps,
                    "horizon": adam.horizon,
                    "beta2": adam.betas[1],
                    "filled": adam.filled(training.steps),
                },
                help=f"beta2 = {1 - 10 / max(training.steps, 20):.3g} averages over a tenth of it",
            )
        if training.learning_rate:
            yield from self._reach(model, adam, training.steps)

    def _warmup(self, warmup: int, steps: int) -> Finding:
        """Report a warm-up that does not end within the run."""
        return self.finding(
            f"the run of {steps:,} steps ends within the warm-up of {warmup:,}: the learning rate "
            "never reaches its full value",
            path=place("warmup-steps"),
            data={"steps": steps, "warmup_steps": warmup},
            help=f"warm up for {max(steps // 20, 1):,} steps, or train for longer",
        )

    def _momentum(self, beta: float, steps: int) -> Iterator[Finding]:
        """Report momentum that does not reach its steady size, after several 1/(1 - beta) steps."""
        momentum = Momentum(1.0, beta) if beta < 1 else None
        if momentum is None or steps >= momentum.horizon:
            return
        yield self.finding(
            f"the run of {steps:,} steps is shorter than the {momentum.horizon:,.0f} over which "
            f"momentum {beta:g} averages gradients: at its end momentum has "
            f"{format_share(momentum.built_up(steps))} of its size, and weights got "
            f"{format_share(momentum.covered(steps))} as far as by full steps",
            path=place("momentum"),
            data={
                "steps": steps,
                "horizon": momentum.horizon,
                "momentum": beta,
                "built_up": momentum.built_up(steps),
                "covered": momentum.covered(steps),
            },
            help=f"momentum {max(1 - 10 / max(steps, 20), 0.5):.3g} averages over a tenth of it",
        )

    def _reach(self, model: Model, adam: Adam, steps: int) -> Iterator[Finding]:
        """Adam moves a weight by at most about rate x steps (Kingma and Ba 2015, section 2.1)."""
        reach = abs(adam.weight(1.0, steps))
        ordered = sorted(sigma for _, sigma in sigmas(model))
        sigma = ordered[len(ordered) // 2] if ordered else 0.0
        if reach >= _REACH * sigma:
            return
        yield self.finding(
            f"in {steps:,} steps of {adam.rate:g} a weight moves by {reach:.2g} at most, "
            f"{reach / sigma:.2g} of its sigma of {sigma:.2g}",
            path=place("learning-rate"),
            data={"reach": reach, "sigma": sigma, "steps": steps, "learning_rate": adam.rate},
            help="train for longer, or raise the rate; in fine-tuning that may be intended",
            severity=Severity.INFO,
        )
