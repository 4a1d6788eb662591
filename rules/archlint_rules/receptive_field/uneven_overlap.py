"""RF006: the windows of a transposed convolution overlap unevenly."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from archlint.api import Call, Finding, Model, Rule, Severity, Undetermined, check_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Graph, Node


class UnevenOverlap(Rule):
    """Neighbouring outputs of a transposed convolution sum different numbers of products."""

    code = "RF006"
    name = "uneven-overlap"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("receptive-field", "geometry")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report transposed convolutions whose overlap depends on the position."""
        smoothing = {
            window.node.name
            for window in model.facts.receptive_fields.windows
            if "Pool" not in window.node.op and window.sliding.kernel > 1
        }
        smoothing |= {node.name for node in model.graph.nodes if _overlaps_everywhere(node, model)}
        for node in model.graph.nodes:
            if node.op == "ConvTranspose":
                counts = _overlaps(Call(node, model.graph))
                uneven = {axis: each for axis, each in counts.items() if len(set(each)) > 1}
                if uneven:
                    smoothed = _is_smoothed(model.graph, node, smoothing)
                    yield self._finding(node, uneven, smoothed=smoothed)

    def _finding(self, node: Node, uneven: dict[int, list[int]], *, smoothed: bool) -> Finding:
        counts = next(iter(uneven.values()))
        kernel, stride = sum(counts), len(counts)
        axes = " and ".join(str(each) for each in uneven)
        plural = "axis" if len(uneven) == 1 else "axes"
        later = ", before a convolution that can even it out" if smoothed else ""
        larger = -(-kernel // stride) * stride
        return self.finding(
            f"outputs of {node.name} sum {' and '.join(map(str, sorted(set(counts))))} products in "
            f"turn along {plural} {axes}: kernel {kernel} is no multiple of stride {stride}{later}",
            node=node,
            data={"axes": list(uneven), "kernel": kernel, "stride": stride, "products": counts},
            help=f"use a kernel of {larger}, or resize and then convolve",
            severity=Severity.INFO if smoothed else None,
        )


def _overlaps(call: Call) -> dict[int, list[int]]:
    """Return, by axis, how many products the outputs of each phase sum."""
    try:
        kernel = call.integers("kernel_shape") or call.shape(1)[2:]
        strides = call.integers("strides") or (1,) * len(kernel)
        dilations = call.integers("dilations") or (1,) * len(kernel)
        check_window(kernel, strides, dilations)
    except Undetermined:
        return {}
    counts = {}
    for axis, (size, stride, dilation) in enumerate(
        zip(kernel, strides, dilations, strict=False), start=2
    ):
        phases = Counter(dilation * tap % stride for tap in range(size))
        counts[axis] = [phases[phase] for phase in range(stride)]
    return counts


def _overlaps_everywhere(node: Node, model: Model) -> bool:
    """Whether every output of a transposed convolution reads neighbours."""
    if node.op != "ConvTranspose":
        return False
    counts = _overlaps(Call(node, model.graph))
    return bool(counts) and all(min(each) > 1 for each in counts.values())


def _is_smoothed(graph: Graph, node: Node, smoothing: set[str]) -> bool:
    """Whether every path to an output goes through a convolution that reads neighbours."""
    pending, seen = [node], {node.name}
    while pending:
        current = pending.pop()
        if any(name in graph.outputs for name in current.outputs):
            return False
        for name in current.outputs:
            for user in graph.consumers.get(name, []):
                if user.name not in smoothing and user.name not in seen:
                    seen.add(user.name)
                    pending.append(user)
    return True
