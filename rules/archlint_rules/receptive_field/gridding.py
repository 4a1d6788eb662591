"""RF007: successive dilations leave holes in the receptive field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.words import axes as in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Grid


class Gridding(Rule):
    """Successive dilated convolutions read only some positions within their receptive field."""

    code = "RF007"
    name = "gridding"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report each map whose receptive field has holes because of dilations."""
        found: dict[tuple[object, ...], list[Grid]] = {}
        for extent in model.facts.receptive_fields.extents:
            for grid in model.facts.receptive_fields.grids(extent):
                key = (grid.layers, grid.source, grid.taps, grid.span)
                found.setdefault(key, []).append(grid)
        for grids in found.values():
            yield self._finding(grids[0], sorted({grid.axis for grid in grids}))

    def _finding(self, grid: Grid, axes: list[int]) -> Finding:
        rates = ", ".join(map(str, grid.rates))
        shared = ""
        if grid.common_factor > 1:
            shared = f" (the rates share the factor {grid.common_factor})"
        more = len(grid.reachable) - len(grid.rates)
        extra = "" if not more else f", with {more} more {'layer' if more == 1 else 'layers'}"
        better = ", ".join(map(str, grid.reachable))
        return self.finding(
            f"dilations {rates} up to {grid.layers[-1].name} read {grid.taps} of {grid.span} "
            f"positions of {grid.source} along {in_words(axes)}{shared}",
            node=grid.layers[-1],
            tensor=grid.tensor,
            data={
                "rates": list(grid.rates),
                "taps": grid.taps,
                "span": grid.span,
                "axes": axes,
                "layers": [node.name for node in grid.layers],
            },
            help=f"rates of {better} span as much without a hole{extra}",
        )
