"""FLOP005: dense layers behind a flattened map hold nearly all parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, format_count, format_share

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGE_PART = 0.8


class FullyConnectedExplosion(Rule):
    """Dense layers after a flattened feature map hold nearly all parameters."""

    code = "FLOP005"
    name = "fully-connected-explosion"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("compute",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the parameters after the first flattening with all parameters."""
        found, every = model.facts.flattening, model.facts.parameters.count
        if found is None or found.parameters <= _LARGE_PART * every:
            return
        yield self.finding(
            f"the layers after the flattening of {' x '.join(map(str, found.sizes))} hold "
            f"{format_count(found.parameters)} of {format_count(every)} parameters "
            f"({format_share(found.parameters / every)})",
            node=found.node,
            data={"parameters": found.parameters, "all_parameters": every},
            help="average over the positions before the first dense layer, as networks since "
            "2014 do",
        )
