"""INIT013: saturating functions in a row let no gradient through to the first layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOST = 1e-4  # of the root mean square of the gradient
_FLAT = 1e-2  # of the part that is due to the derivatives of the functions


class VanishingGradient(Rule):
    """Functions such as sigmoids, in a row, let no gradient through to the first layers."""

    code = "INIT013"
    name = "vanishing-gradient"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("initialization", "signal")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the chain of layers in which most of the gradient is lost."""
        if not model.facts.initialization.is_known:
            return
        chains = model.facts.saturation.chains()
        lost = [chain for chain in chains if chain.ratio < _LOST and chain.slopes < _FLAT]
        if not lost:
            return
        worst = min(lost, key=lambda chain: chain.ratio)
        functions = " and ".join(sorted(worst.functions))
        yield self.finding(
            f"the gradient at {worst.first.name} is {worst.ratio:.1g} of that at "
            f"{worst.last.name}, through {worst.layers} layers in a row with {functions} between "
            "them",
            node=worst.first,
            tensor=worst.first.output,
            data={
                "ratio": worst.ratio,
                "slopes": worst.slopes,
                "layers": worst.layers,
                "functions": sorted(worst.functions),
                "last": worst.last.name,
            },
            help="use ReLU or GELU there, a normalization between the layers, or shortcuts",
        )
