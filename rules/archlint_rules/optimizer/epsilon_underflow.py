"""OPT004: epsilon is zero in the number format of the optimizer's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.optimizer.family import WITH_EPSILON, epsilon, place

if TYPE_CHECKING:
    from collections.abc import Iterator

_SMALLEST = 2.0**-24  # fp16's smallest number above zero, a subnormal


class EpsilonUnderflow(Rule):
    """Epsilon is zero in the number format of the optimizer's state."""

    code = "OPT004"
    name = "epsilon-underflow"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("optimizer", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Round epsilon to fp16 where the state is kept in it."""
        training = model.target.training
        if training.precision != "fp16" or training.optimizer not in WITH_EPSILON:
            return
        value = epsilon(training)
        if value <= 0 or value > _SMALLEST / 2:  # half of the smallest number rounds to zero
            return
        default = "" if training.epsilon is not None else ", the default,"
        yield self.finding(
            f"epsilon {value:g}{default} is 0 in fp16, whose smallest number is {_SMALLEST:.3g}: "
            "where a gradient is zero, the step divides zero by zero",
            path=place("epsilon"),
            data={"epsilon": value, "smallest": _SMALLEST, "precision": training.precision},
            help="use epsilon 1e-4, or fp16-mixed, which keeps the state in fp32",
        )
