"""OPT006: fp16 gradients without loss scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.optimizer.family import place

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fp16WithoutScaler(Rule):
    """Gradients in fp16 vanish without loss scaling."""

    code = "OPT006"
    name = "fp16-without-scaler"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("optimizer", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report fp16 with no or static loss scaling, or with nothing said about it."""
        training = model.target.training
        if training.precision not in {"fp16", "fp16-mixed"} or training.optimizer is None:
            return
        if training.loss_scaling == "dynamic":
            return
        severity, text = {
            "none": (Severity.WARNING, "without loss scaling loses gradients below 6e-08"),
            "static": (Severity.INFO, "with a static loss scale overflows when gradients grow"),
        }.get(
            training.loss_scaling or "",
            (Severity.INFO, "needs loss scaling, which is not configured"),
        )
        yield self.finding(
            f"training in {training.precision} {text}",
            path=place("precision"),
            data={"precision": training.precision, "loss_scaling": training.loss_scaling},
            help="set training.loss-scaling to dynamic (torch.amp.GradScaler), or use bf16-mixed",
            severity=severity,
        )
