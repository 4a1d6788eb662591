"""INIT004: the last layer of residual branches is not scaled down."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.initialization.grouping import drawn
from archlint_rules.initialization.remedy import fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Branch

_MANY = 12  # six blocks with two branches each
_UNNORMALIZED = 5
_ALIKE = 0.8
_GROWTH = 1.5


class ResidualBranchNotScaled(Rule):
    """The last layers of residual branches are not scaled down for the number of branches."""

    code = "INIT004"
    name = "residual-branch-not-scaled"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Check the branches that normalize their input, and those without any normalization."""
        layers = [layer for layer, _ in drawn(model)]
        if not layers or any(layer.folded for layer in layers):
            return
        branches = model.facts.segments.branches
        normalized = [branch for branch in branches if branch.normalized]
        if len(normalized) >= _MANY:
            yield from self._normalized(model, normalized)
        bare = [branch for branch in branches if not branch.normalized and _grows(model, branch)]
        if len(bare) >= _UNNORMALIZED:
            yield self._bare(model, bare)

    def _normalized(self, model: Model, branches: list[Branch]) -> Iterator[Finding]:
        """Branches after a normalization add up: each of 2L should contribute 1/(2L)."""
        sigmas = _medians(model, {branch.end.weight for branch in branches})
        if sigmas is None or sigmas[0] < _ALIKE * sigmas[1]:
            return
        sigma, usual = sigmas
        count = len(branches)
        expected = usual / sqrt(count)
        end = branches[-1].end
        causal = any(branch.causal for branch in branches)
        ends = [branch.end for branch in branches]
        yield self.finding(
            f"the last layers of {count} residual branches are drawn with sigma {sigma:.4g}, as "
            f"all others: their sum grows with depth, and 1/sqrt({count}) of it, {expected:.4g}, "
            "would keep it",
            node=end.node,
            tensor=end.weight,
            data={
                "branches": count,
                "sigma": sigma,
                "expected": expected,
                "ratio": sigma / usual * sqrt(count),
            },
            help=f"draw them with std {expected:.4g}, as GPT-2 does",
            severity=Severity.WARNING if causal else Severity.INFO,
            fix=fix(model, ends, f"{{normal: {{std: {expected:.6g}}}}}") if causal else None,
        )

    def _bare(self, model: Model, branches: list[Branch]) -> Finding:
        """Branches without any normalization each double the variance of the stream."""
        signals = model.facts.propagation.signals
        first, last = branches[0], branches[-1]
        growth = signals[last.addition.output].second_moment / signals[first.stream].second_moment
        return self.finding(
            f"{len(branches)} residual branches without a normalization are not scaled: the second "
            f"moment grows by a factor of {growth:.3g} over them, from the first at "
            f"{first.addition.name} to the last at {last.addition.name}",
            node=last.end.node,
            tensor=last.end.weight,
            data={"branches": len(branches), "growth": growth},
            help="draw the last layer of each branch as zeros, or with 1/sqrt of the number of "
            "branches times its sigma (Fixup)",
        )


def _medians(model: Model, ends: set[str]) -> tuple[float, float] | None:
    """Return the median sigma of the weights `ends`, and of all others after a layer.

    None where there are no others, or where one of `ends` is not normally distributed.
    """
    from statistics import median

    initialization = model.facts.initialization
    last = [initialization.initial(weight) for weight in sorted(ends)]
    others = [
        found.std
        for layer in initialization.layers
        if layer.weight not in ends
        and layer.source.node is not None
        and (found := initialization.initial(layer.weight)) is not None
        and found.family == "normal"
    ]
    if not others or any(found is None or found.family != "normal" for found in last):
        return None
    return median(found.std for found in last if found is not None), median(others)


def _grows(model: Model, branch: Branch) -> bool:
    """Whether a branch is about as large as the stream, and no normalization follows their sum."""
    signals = model.facts.propagation.signals
    if model.facts.flow.sinks[branch.addition.output].is_normalized:
        return False
    if branch.stream not in signals or branch.addition.output not in signals:
        return False
    before = signals[branch.stream].second_moment
    return before > 0 and signals[branch.addition.output].second_moment > _GROWTH * before
