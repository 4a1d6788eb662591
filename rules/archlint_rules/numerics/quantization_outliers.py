"""NUM009: weights whose range is too wide for 8 bits with one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archlint.api import CoarseChannels, Outlier

_HELP = "quantize each channel with a scale of its own"


class QuantizationOutliers(Rule):
    """A few large weights take most of the range of 8 bits, and leave little to the others."""

    code = "NUM009"
    name = "quantization-outliers"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("numerics", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report outliers of weights that become 8-bit, and channels of those that are."""
        weights = [part.facts.quantization for part in model.parts]
        if model.target.deployed_format == "int8":
            outliers = [each for part in weights for each in part.outliers]
            if outliers:
                yield self._far(outliers)
        coarse = [each for part in weights for each in part.coarse_channels]
        if coarse:
            yield self._coarse(coarse)

    def _far(self, found: Sequence[Outlier]) -> Finding:
        worst, others = max(found, key=lambda each: each.ratio), len(found) - 1
        more = f"; {others} more weight{'s have' if others > 1 else ' has'} such outliers"
        return self.finding(
            f"{worst.weight} has a number of {worst.largest:.3g}, {worst.ratio:.0f} times the root "
            f"mean square of its weights, {worst.typical:.3g}: in int8 with one scale for the "
            f"tensor, that is {worst.steps:.1f} of 127 steps{more * bool(others)}",
            node=worst.node,
            tensor=worst.weight,
            data={"weights": {each.weight: each.ratio for each in found}, "steps": worst.steps},
            help=f"{_HELP}, or clip the outliers before",
        )

    def _coarse(self, found: Sequence[CoarseChannels]) -> Finding:
        worst = max(found, key=lambda each: len(each.channels) / each.count)
        others = len(found) - 1
        more = f"; {others} more weight{'s have' if others > 1 else ' has'} such channels"
        return self.finding(
            f"{len(worst.channels):,} of {worst.count:,} output channels of {worst.weight} hold "
            "nothing but -1, 0 and 1: one scale serves the whole tensor, and their range is a "
            f"hundredth of that{more * bool(others)}",
            node=worst.node,
            tensor=worst.weight,
            data={
                "weights": {
                    each.weight: {"coarse": len(each.channels), "of": each.count} for each in found
                },
                "channels": list(worst.channels),
            },
            help=f"{_HELP}, or bring the ranges of the channels together before",
        )
