"""INIT008: a truncated normal distribution has a smaller deviation than it was given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.initialization.alike import alike, and_others

if TYPE_CHECKING:
    from collections.abc import Iterator

_STD = re.compile(r"^trunc_normal\(.*\bstd=(?P<std>[0-9.eE+-]+)")
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
            stated = None if found is None else _STD.match(found.initializer or "")
            if found is not None and stated and found.std < _LEAST * float(stated["std"]):
                cut.append((layer, found))
        for group in alike(cut):
            layer, found = group[0]
            stated = _STD.match(found.initializer or "")
            asked = float(stated["std"]) if stated else found.std
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
