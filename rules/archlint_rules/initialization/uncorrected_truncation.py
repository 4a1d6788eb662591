"""INIT008: a truncated normal distribution has a smaller deviation than it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.initialization.alike import alike, and_others

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAST = 0.97


class UncorrectedTruncation(Rule):
    """Cutting off a normal distribution makes its deviation smaller than the declared one."""

    code = "INIT008"
    name = "uncorrected-truncation"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the deviation that is left with the one that was asked for."""
        initialization = model.facts.initialization
        cut = []
        for layer in initialization.layers:
            found = initialization.declared(layer.weight)
            if found is not None and found.std < _LEAST * (found.stated or 0):
                cut.append((layer, found))
        for group in alike(cut):
            layer, found = group[0]
            asked = found.stated or found.std
            yield self.finding(
                f"{layer.weight} is drawn from a normal distribution of std {asked:g}, cut off: "
                f"{found.std:.4g} is left, {found.std / asked:.4f} of it{and_others(group)}",
                node=layer.node,
                tensor=layer.weight,
                key="init",
                data={"declared": asked, "sigma": found.std, "ratio": found.std / asked},
                help=f"divide by {found.std / asked:.5f}: std {asked * asked / found.std:.6g} with "
                "bounds at the same number of deviations, as JAX and Keras do",
            )
