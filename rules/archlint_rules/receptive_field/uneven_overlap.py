"""RF006: the windows of a transposed convolution overlap unevenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.words import axes, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Overlap


class UnevenOverlap(Rule):
    """Neighbouring outputs of a transposed convolution sum different numbers of products."""

    code = "RF006"
    name = "uneven-overlap"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report transposed convolutions whose overlap depends on the position."""
        for overlap in model.facts.receptive_fields.uneven_overlaps:
            yield self._finding(overlap)

    def _finding(self, overlap: Overlap) -> Finding:
        counts = overlap.products
        products = [str(count) for count in sorted(set(counts))]
        kernel, stride = sum(counts), len(counts)
        later = ", before a convolution that can even it out" if overlap.is_smoothed else ""
        larger = -(-kernel // stride) * stride
        return self.finding(
            f"outputs of {overlap.node.name} sum {listed(products)} products in turn along "
            f"{axes(overlap.axes)}: kernel {kernel} is not a multiple of stride {stride}{later}",
            node=overlap.node,
            data={
                "axes": list(overlap.axes),
                "kernel": kernel,
                "stride": stride,
                "products": sorted(set(counts)),
            },
            help=f"use a kernel of {larger}, or resize and then convolve",
            severity=Severity.INFO if overlap.is_smoothed else None,
        )
