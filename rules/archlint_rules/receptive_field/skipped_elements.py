"""RF005: elements between the windows of a layer are never read."""

from __future__ import annotations

from math import lcm, prod
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.windows import axes_of, by_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Window

_LONGEST_PERIOD = 1 << 20


class SkippedElements(Rule):
    """A stride larger than the kernel skips elements that nothing else reads."""

    code = "RF005"
    name = "skipped-elements"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report each tensor with elements that no reader reads."""
        readers: dict[str, list[list[Window]]] = {}
        for group in by_node(model.facts.receptive_fields.windows):
            readers.setdefault(group[0].node.inputs[0], []).append(group)
        for tensor, groups in readers.items():
            users = model.graph.consumers.get(tensor, [])
            if len(users) == len(groups) and tensor not in model.graph.outputs:
                yield from self._skipped(model, tensor, groups)

    def _skipped(self, model: Model, tensor: str, groups: list[list[Window]]) -> Iterator[Finding]:
        axes = {window.axis for group in groups for window in group}
        read = {axis: _fraction_read(axis, groups) for axis in sorted(axes)}
        share = prod(read.values())
        if share == 1:
            return
        first = groups[0]
        skipping = [window for window in first if read[window.axis] < 1] or first
        sliding = skipping[0].sliding
        spread = f" with dilation {sliding.dilation}" if sliding.dilation > 1 else ""
        also = f" (and {len(groups) - 1} other readers)" if len(groups) > 1 else ""
        yield self.finding(
            f"{first[0].node.name}{also} reads {100 * share:.3g} % of {tensor}: a kernel of "
            f"{sliding.kernel}{spread} moves by {sliding.stride} along {axes_of(skipping)}",
            node=first[0].node,
            tensor=tensor,
            data={"read": share, "axes": [window.axis for window in skipping]},
            help="make the kernel at least as large as the stride, pool before it, or move the "
            "stride to a layer that reads everything",
            # The first residual networks do this in both branches, and work.
            severity=Severity.INFO if len(groups) > 1 or _is_shared(model, tensor) else None,
        )


def _is_shared(model: Model, tensor: str) -> bool:
    """Whether the map is read elsewhere: before its activation, or other channels of it."""
    graph, flow = model.graph, model.facts.flow
    layers = {window.node for window in model.facts.receptive_fields.windows}
    while (maker := graph.producers.get(tensor)) is not None and maker not in layers:
        before = [name for name in maker.inputs if name and not flow.is_stored(name)]
        if len(before) != 1:
            return False
        (tensor,) = before
        users = [user for user in graph.consumers[tensor] if user.output not in graph.constants]
        if len(users) > 1 or sum(name in graph.consumers for name in maker.outputs) > 1:
            return True
    return False


def _fraction_read(axis: int, groups: list[list[Window]]) -> float:
    """Return the fraction of the elements along `axis` that some window reads."""
    slidings = [
        (window.sliding, window.sliding.before)
        for group in groups
        for window in group
        if window.axis == axis and window.sliding.before is not None
    ]
    if len(slidings) < len(groups):
        return 1.0  # it is not known of all of them
    period = lcm(*(each.stride for each, _ in slidings))
    if period > _LONGEST_PERIOD:
        return 1.0
    seen = {
        (turn + each.dilation * tap - before) % period
        for each, before in slidings
        for turn in range(0, period, each.stride)
        for tap in range(each.kernel)
    }
    return len(seen) / period
