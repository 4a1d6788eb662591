"""RF010: a feature map is smaller than the kernel that slides over it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.windows import and_others, axes_of, by_kind, by_node

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from archlint.api import Window


class MapSmallerThanKernel(Rule):
    """A kernel does not fit into the feature map, or part of it only ever sees padding."""

    code = "RF010"
    name = "map-smaller-than-kernel"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report windows that do not fit, and weights that only ever multiply padding."""
        windows = model.facts.receptive_fields.windows
        for group in by_node(window for window in windows if window.fits is False):
            yield self._too_large(group)
        padded = by_node(window for window in windows if window.fits and window.is_weighted)
        wasteful = (group for group in padded if any(map(_is_wasteful, group)))
        for alike in by_kind(wasteful, _kind):
            yield self._mostly_padding(alike)

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

    def _mostly_padding(self, alike: list[list[Window]]) -> Finding:
        group = alike[0]
        first = group[0]
        used = prod(window.useful_taps or 0 for window in group)
        total = prod(window.sliding.kernel for window in group)
        sizes = " x ".join(str(window.size) for window in group)
        return self.finding(
            f"{used} of {total} weights of each kernel of {first.node.name} ever meet the map of "
            f"{sizes}, the others see only padding{and_others(alike)}",
            node=first.node,
            data={
                "used": used,
                "weights": total,
                "sizes": [window.size for window in group],
                "nodes": [each[0].node.name for each in alike],
            },
            help="use a smaller kernel or dilation, which computes the same, or a larger input",
            severity=Severity.INFO,
        )


def _is_wasteful(window: Window) -> bool:
    return (window.useful_taps or 0) != window.sliding.kernel


def _kind(windows: list[Window]) -> Hashable:
    return tuple((window.sliding, window.size) for window in windows)
