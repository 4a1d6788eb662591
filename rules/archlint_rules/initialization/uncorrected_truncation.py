"""INIT008: a truncated normal distribution has a smaller deviation than it was given."""

from __future__ import annotations

from math import isclose, sqrt
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.initialization.grouping import and_others, grouped
from archlint_rules.initialization.remedy import fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Fix, Layer
    from archlint_rules.initialization.grouping import Judged

_LEAST = 0.97
_EXACT = 0.005


class UncorrectedTruncation(Rule):
    """Truncating a normal distribution makes its standard deviation smaller than declared."""

    code = "INIT008"
    name = "uncorrected-truncation"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("initialization",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the standard deviation after truncation with the stated one."""
        initialization = model.facts.initialization
        cut = []
        for layer in initialization.layers:
            found = initialization.declared(layer.weight)
            if found is not None and found.std < _LEAST * (found.stated or 0):
                cut.append((layer, found))
        for group in grouped(cut):
            layer, found = group[0]
            asked = found.stated or found.std
            yield self.finding(
                f"{layer.weight} is drawn from a normal distribution of std {asked:g} and "
                f"truncated, which leaves a std of {found.std:.4g}, {found.std / asked:.4f} of it"
                f"{and_others(group)}",
                node=layer.node,
                tensor=layer.weight,
                key="init",
                data={"declared": asked, "sigma": found.std, "ratio": found.std / asked},
                help=f"divide by {found.std / asked:.5f}: std {asked * asked / found.std:.6g} with "
                "bounds at the same number of deviations, as JAX and Keras do",
                fix=_fix(model, group, asked),
            )


def _fix(model: Model, group: list[Judged], asked: float) -> Fix | None:
    """Return the named, corrected truncated initializer with the stated standard deviation.

    None where there is no such initializer: then it is not known which deviation was intended.
    """
    for word, mode in (("he_normal", "he"), ("lecun_normal", "lecun"), ("glorot_normal", "glorot")):
        if all(isclose(_scaled(layer, mode), asked, rel_tol=_EXACT) for layer, _ in group):
            return fix(model, [layer for layer, _ in group], word)
    return None


def _scaled(layer: Layer, mode: str) -> float:
    fan_in, fan_out = layer.fan.framework_fans
    return sqrt({"he": 2 / fan_in, "lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out)}[mode])
