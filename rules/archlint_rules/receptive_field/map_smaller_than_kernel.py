"""RF010: a feature map is smaller than the kernel that slides over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.windows import axes_of, by_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Window


class MapSmallerThanKernel(Rule):
    """A kernel does not fit into the feature map, or part of it only ever sees padding."""

    code = "RF010"
    name = "map-smaller-than-kernel"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report windows that do not fit, and weights that no element ever meets."""
        known = [
            window
            for window in model.facts.receptive_fields.windows
            if window.size is not None and window.sliding.before is not None
        ]
        for group in by_node(window for window in known if not _fits(window)):
            yield self._too_large(group)
        for group in by_node(window for window in known if _fits(window)):
            if "Pool" not in group[0].node.op and any(
                _useful(each) < _kernel(each) for each in group
            ):
                yield self._mostly_padding(group)

    def _too_large(self, group: list[Window]) -> Finding:
        first = group[0]
        sliding = first.sliding
        padding = (sliding.before or 0) + (sliding.after or 0)
        return self.finding(
            f"the kernel of {first.node.name} spans {sliding.extent}, its input has "
            f"{first.size} + {padding} of padding along {axes_of(group)}",
            node=first.node,
            data={
                "span": sliding.extent,
                "size": first.size,
                "padding": padding,
                "axes": [window.axis for window in group],
            },
            help="use fewer strides before it, a larger input, or a smaller kernel",
        )

    def _mostly_padding(self, group: list[Window]) -> Finding:
        first = group[0]
        used, total = 1, 1
        for window in group:
            used, total = used * _useful(window), total * _kernel(window)
        sizes = " x ".join(str(window.size) for window in group)
        return self.finding(
            f"{used} of {total} weights of each kernel of {first.node.name} ever meet the map of "
            f"{sizes}, the others see padding alone",
            node=first.node,
            data={"used": used, "weights": total, "sizes": [window.size for window in group]},
            help="a smaller kernel or dilation computes the same; or use a larger input",
            severity=Severity.INFO,
        )


def _kernel(window: Window) -> int:
    return window.sliding.kernel


def _fits(window: Window) -> bool:
    padding = (window.sliding.before or 0) + (window.sliding.after or 0)
    return (window.size or 0) + padding >= window.sliding.extent


def _useful(window: Window) -> int:
    """Return how many positions of the kernel ever lie on the map."""
    sliding, size = window.sliding, window.size or 0
    padded = size + (sliding.before or 0) + (sliding.after or 0)
    outputs = (padded - sliding.extent) // sliding.stride + 1
    useful = 0
    for tap in range(sliding.kernel):
        place = tap * sliding.dilation - (sliding.before or 0)
        first = max(0, -(place // sliding.stride))  # the first output that reads no padding before
        useful += first < outputs and first * sliding.stride + place < size
    return useful
