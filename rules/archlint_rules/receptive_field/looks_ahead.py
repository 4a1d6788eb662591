"""RF011: an output looks ahead in time although the target is causal."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.words import as_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Extent, Node, ReceptiveFields


class LooksAhead(Rule):
    """An output depends on what comes after it in time, although the target is causal."""

    code = "RF011"
    name = "looks-ahead"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("receptive-field", "causality")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare how far outputs look ahead with what the target allows."""
        require = model.target.require
        if not require.causal and require.look_ahead is None:
            return
        fields = model.facts.receptive_fields
        if any(fields.of(tensor, each).whole for tensor in fields.maps for each in fields.extents):
            fields = fields.with_stored_masks(model.facts.numbers.describe)
        for name in model.graph.inputs:
            axes = [extent for extent in fields.extents if extent.input == name]
            if require.time_axis is not None:
                axes = [extent for extent in axes if extent.axis == require.time_axis]
            if len(axes) > 1:
                yield self._which_axis(name, axes)
            elif axes:
                yield from self._along(model, fields, axes[0])

    def _along(self, model: Model, fields: ReceptiveFields, extent: Extent) -> Iterator[Finding]:
        allowed = model.target.require.look_ahead or 0
        for tensor in fields.maps:
            field = fields.of(tensor, extent)
            if field.unknown is not None:
                yield self._undecided(tensor, field.unknown)
            # An output of the whole sequence has no position in time, so nothing is ahead of it.
            if not field.moves:
                continue
            ahead = fields.look_ahead(tensor, extent)
            if ahead is None:
                yield self._undecided(tensor, "its field does not move evenly with time")
            elif ahead > allowed:
                node = fields.leak(tensor, extent, allowed)
                yield self._ahead(model, tensor, extent, ahead, node)

    def _ahead(
        self, model: Model, tensor: str, extent: Extent, ahead: float, node: Node | None
    ) -> Finding:
        require = model.target.require
        rate, allowed = require.sample_rate, require.look_ahead or 0
        far = "ahead to the end" if ahead == inf else f"{_told(ahead, rate)} ahead"
        may = "" if not allowed else f"; {_told(allowed, rate)} allowed"
        where = "" if node is None else f", first at {node.op} {node.name}"
        return self.finding(
            f"{tensor} looks {far} along axis {extent.axis} of {extent.input}{where}{may}",
            node=node,
            tensor=tensor,
            data={
                "look_ahead": None if ahead == inf else int(ahead),
                "allowed": allowed,
                "input": extent.input,
                "input_axis": extent.axis,
                "seconds": None if rate is None or ahead == inf else ahead / rate,
            },
            help=_help(model.facts.receptive_fields, node),
        )

    def _undecided(self, tensor: str, reason: str) -> Finding:
        return self.finding(
            f"whether {tensor} looks ahead is not known: {reason}",
            tensor=tensor,
            data={"reason": reason},
        )

    def _which_axis(self, name: str, axes: list[Extent]) -> Finding:
        numbers = " or ".join(str(extent.axis) for extent in axes)
        return self.finding(
            f"it is not stated whether axis {numbers} of {name} is time, so that it is not known "
            "what looks ahead",
            tensor=name,
            data={"axes": [extent.axis for extent in axes]},
            help="state it as require.time-axis",
        )


def _told(elements: float, rate: float | None) -> str:
    plural = "element" if elements == 1 else "elements"
    return f"{elements:g} {plural}{as_time(elements, rate)}"


def _help(fields: ReceptiveFields, node: Node | None) -> str:
    """Return the change that keeps a node from looking ahead."""
    if node is None:
        return "feed the output from what comes before it"
    slidings = {window.node.name: window.sliding for window in fields.windows}  # of the last axis
    sliding = slidings.get(node.name)
    if sliding is None:
        return "mask what comes later, run it forward only, or use statistics that do not change"
    before = sliding.extent - sliding.stride
    return (
        f"pad {before} before and 0 after (window {sliding.extent} - stride {sliding.stride}), not "
        f"{sliding.before} and {sliding.after}"
    )
