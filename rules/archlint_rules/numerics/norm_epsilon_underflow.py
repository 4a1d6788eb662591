"""NUM003: the epsilon of a normalization is zero, or nearly, in fp16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Denominator, Epsilon, Finding, Model, Rule, Severity
from archlint_rules.numerics.half_precision import (
    SMALLEST,
    SMALLEST_NORMAL,
    is_half,
    rounded,
    runs_in_half,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class NormEpsilonUnderflow(Rule):
    """The epsilon of a normalization is zero in fp16, so that it may divide by zero."""

    code = "NUM003"
    name = "norm-epsilon-underflow"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("numerics", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report epsilons that fp16 rounds to zero, that are subnormal, or that are not there."""
        lost: dict[Severity, list[Denominator]] = {}
        faint, missing = [], []
        every = ((part, each) for part in model.parts for each in part.facts.denominators)
        for part, each in every:
            value, in_half = _effective(part, each)
            if in_half and value == 0:
                lost.setdefault(_severity(part, each), []).append(each)
            elif in_half and value < SMALLEST_NORMAL:
                faint.append(each)
            elif value == 0 and each.is_mean and each.square is not None:
                missing.append(each)
        for severity, found in lost.items():
            yield self._lost(found, severity)
        if faint:
            yield self._faint(faint)
        if missing:
            yield self._missing(missing)

    def _lost(self, found: list[Denominator], severity: Severity) -> Finding:
        first = found[0]
        epsilon = _largest(first)
        was = f"epsilon {epsilon.value:g}" if epsilon.value else "the epsilon"
        return self.finding(
            f"{was} of {epsilon.node.name} is 0 in fp16, whose smallest number is {SMALLEST:.3g}: "
            f"{first.node.name} divides by zero where {first.reduction.output} is 0{_more(found)}",
            node=epsilon.node,
            data=_data(found),
            help="use an epsilon of at least 1e-5, or compute the normalization in fp32",
            severity=severity,
        )

    def _faint(self, found: list[Denominator]) -> Finding:
        epsilon = _largest(found[0])
        return self.finding(
            f"epsilon {epsilon.value:g} of {epsilon.node.name} is a subnormal number in fp16, "
            f"below {SMALLEST_NORMAL:.3g}: devices that flush those to zero divide by zero"
            f"{_more(found)}",
            node=epsilon.node,
            data=_data(found),
            help="use an epsilon of 1e-4, or compute the normalization in fp32, for such a device",
            severity=Severity.INFO,
        )

    def _missing(self, found: list[Denominator]) -> Finding:
        first = found[0]
        return self.finding(
            f"{first.node.name} divides by the root of a mean of squares without an epsilon, and "
            f"by zero where {first.reduction.output} is 0{_more(found)}",
            node=first.node,
            data=_data(found),
            help="if the program adds one, export with optimize=False: PyTorch's exporter drops "
            "epsilons up to 1e-8 otherwise, and fp16 leaves nothing of them",
            severity=Severity.INFO,
        )


def _effective(model: Model, each: Denominator) -> tuple[float, bool]:
    """Return the largest epsilon that is left where it is added, and whether fp16 changed it."""
    value, in_half = 0.0, False
    for epsilon in each.epsilons:
        half = runs_in_half(model, epsilon.node.output)
        value = max(value, rounded(epsilon.value) if half else epsilon.value)
        in_half = in_half or half
    return value, in_half


def _severity(model: Model, each: Denominator) -> Severity:
    """A mean of squares is zero wherever a row is constant; a vector rarely has no length."""
    if not each.is_mean:
        return Severity.INFO
    certain = all(is_half(model, epsilon.node.output) for epsilon in each.epsilons)
    return Severity.ERROR if certain else Severity.WARNING


def _largest(each: Denominator) -> Epsilon:
    return max(each.epsilons, key=lambda epsilon: epsilon.value)


def _more(found: list[Denominator]) -> str:
    others = len(found) - 1
    return f", as {others} more normalization{'s do' if others > 1 else ' does'}" if others else ""


def _data(found: list[Denominator]) -> dict[str, object]:
    epsilons = [max((epsilon.value for epsilon in each.epsilons), default=0.0) for each in found]
    return {"divisions": [each.node.name for each in found], "epsilons": epsilons}
