"""RF010: a feature map is smaller than the kernel that slides over it."""

from __future__ import annotations

from math import prod
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
        windows = model.facts.receptive_fields.windows
        for group in by_node(window for window in windows if _fits(window) is False):
            yield self._too_large(group)
        for group in by_node(window for window in windows if _fits(window)):
            used = [useful for window in group if (useful := _useful(window)) is not None]
            kernels = [window.sliding.kernel for window in group]
            if "Pool" not in group[0].node.op and used != kernels:
                yield self._mostly_padding(group, prod(used), prod(kernels))

    def _too_large(self, group: list[Window]) -> Finding:
        first = group[0]
        sliding = first.sliding
        return self.finding(
            f"the kernel of {first.node.name} spans {sliding.extent}, its input has "
            f"{first.size} + {sliding.padding} of padding along {axes_of(group)}",
            node=first.node,
            data={
                "span": sliding.extent,
                "size": first.size,
                "padding": sliding.padding,
                "axes": [window.axis for window in group],
            },
            help="use fewer strides before it, a larger input, or a smaller kernel",
        )

    def _mostly_padding(self, group: list[Window], used: int, total: int) -> Finding:
        first = group[0]
        sizes = " x ".join(str(window.size) for window in group)
        return self.finding(
            f"{used} of {total} weights of each kernel of {first.node.name} ever meet the map of "
            f"{sizes}, the others see padding alone",
            node=first.node,
            data={"used": used, "weights": total, "sizes": [window.size for window in group]},
            help="a smaller kernel or dilation computes the same; or use a larger input",
            severity=Severity.INFO,
        )


def _fits(window: Window) -> bool | None:
    """Whether the kernel fits; None where the size of the map or the padding is not known."""
    if window.size is None or window.sliding.padding is None:
        return None
    return window.size + window.sliding.padding >= window.sliding.extent


def _useful(window: Window) -> int | None:
    """Return how many positions of the kernel ever lie on the map; None as above."""
    sliding, size = window.sliding, window.size
    if size is None or sliding.pads is None:
        return None
    before, after = sliding.pads
    outputs = (size + before + after - sliding.extent) // sliding.stride + 1
    useful = 0
    for tap in range(sliding.kernel):
        place = tap * sliding.dilation - before
        first = max(0, -(place // sliding.stride))  # the first output that reads no padding before
        useful += first < outputs and first * sliding.stride + place < size
    return useful
