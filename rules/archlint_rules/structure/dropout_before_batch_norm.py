"""ARCH005: dropout changes the variance that a batch norm measures in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


class DropoutBeforeBatchNorm(Rule):
    """A batch norm measures the variance behind a dropout, which inference does not have."""

    code = "ARCH005"
    name = "dropout-before-batch-norm"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("structure", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report batch norms whose input comes from a dropout along a single path."""
        found = model.facts.dropped_variances
        if not found:
            return
        first, others = found[0], len(found) - 1
        more = f", as {others} more batch norm{'s do' if others > 1 else ' does'}" * bool(others)
        told = "not" if first.factor is None else f"at least {first.factor:.3g} times"
        yield self.finding(
            f"{first.norm.name} measures its variance behind dropout {first.dropout.name}{more}: "
            f"with a share of {first.share:g} it is {told} the one in inference",
            node=first.norm,
            data={
                "dropouts": [each.dropout.name for each in found],
                "share": first.share,
                "factor": first.factor,
            },
            help="move the dropout behind the last batch norm, or leave it out: a batch norm "
            "regularizes as well",
        )
