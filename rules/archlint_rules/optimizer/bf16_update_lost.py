"""OPT005: updates are smaller than half a step between neighbouring bf16 numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.optimizer.family import ADAM_LIKE, place
from archlint_rules.optimizer.sigmas import sigmas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Training

_HALF_STEP = 2.0**-9  # of a number: 8 significant bits, at the upper end of a power of two


class Bf16UpdateLost(Rule):
    """Updates of bf16 weights are rounded away."""

    code = "OPT005"
    name = "bf16-update-lost"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("optimizer", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare Adam's step with the sigma of each weight, and the decay with the format."""
        training = model.target.training
        if training.precision != "bf16" or training.learning_rate is None:
            return
        if training.optimizer in ADAM_LIKE:
            yield from self._steps(model, training.learning_rate)
        yield from self._decay(training, training.learning_rate)

    def _steps(self, model: Model, rate: float) -> Iterator[Finding]:
        found = list(sigmas(model))
        lost = [(layer, sigma) for layer, sigma in found if rate < _HALF_STEP * sigma]
        if not lost:
            return
        widest, sigma = max(lost, key=lambda each: each[1])
        most = 2 * len(lost) > len(found)
        yield self.finding(
            f"a step of {rate:g} is below half of the distance of bf16 numbers for weights of "
            f"sigma {sigma:.3g} ({widest.weight}): {len(lost)} of {len(found)} layers lose the "
            "updates of most of their weights",
            node=widest.node,
            tensor=widest.weight,
            data={
                "learning_rate": rate,
                "sigma": sigma,
                "smallest_step": _HALF_STEP * sigma,
                "layers": len(lost),
                "of": len(found),
            },
            help=f"raise the rate above {_HALF_STEP * sigma:.2g}, or keep the weights in fp32 "
            "(bf16-mixed)",
            severity=Severity.ERROR if most else Severity.WARNING,
        )

    def _decay(self, training: Training, rate: float) -> Iterator[Finding]:
        decay = training.weight_decay
        if not decay or rate * decay >= _HALF_STEP or training.optimizer != "adamw":
            return
        yield self.finding(
            f"weight decay takes {rate * decay:.2g} of a bf16 weight at a step, less than the "
            f"{_HALF_STEP:.2g} that rounding needs: by itself it never changes a weight",
            path=place("weight-decay"),
            data={"relative_step": rate * decay, "smallest": _HALF_STEP},
            help="keep the weights in fp32 (bf16-mixed), or leave the decay out",
            severity=Severity.WARNING,
        )
