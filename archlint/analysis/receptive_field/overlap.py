"""Overlap: how many products a transposed convolution sums at each output position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from archlint.analysis.receptive_field.windows import Window
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.sliding import spread_windows, spreads_windows
from archlint.ops.undetermined import Undetermined


class Overlap(Struct, frozen=True):
    """A transposed convolution whose outputs alternately sum different numbers of products.

    `products` are those numbers for each phase of the stride, along each of `axes` where they
    differ. `is_smoothed` means that every path to an output of the model goes through a convolution
    that reads neighbours, which can even it out.
    """

    node: Node
    axes: tuple[int, ...]
    products: tuple[int, ...]
    is_smoothed: bool


def uneven_overlaps(graph: Graph, windows: Iterable[Window]) -> Iterator[Overlap]:
    """Yield the transposed convolutions whose windows meet unevenly (Odena et al. 2016).

    Neighbouring outputs sum equally many products where the stride divides the kernel.
    """
    found = {node: _overlaps(node, graph) for node in filter(spreads_windows, graph.nodes)}
    if not found:
        return
    smoothing = {each.node.name for each in windows if each.is_weighted and each.sliding.kernel > 1}
    smoothing |= {
        node.name
        for node, phases in found.items()
        if phases and all(min(each) > 1 for each in phases)
    }
    for node, phases in found.items():
        uneven = {axis: each for axis, each in enumerate(phases, start=2) if len(set(each)) > 1}
        if uneven:
            first = next(iter(uneven.values()))
            yield Overlap(node, tuple(uneven), first, _is_smoothed(graph, node, smoothing))


def _overlaps(node: Node, graph: Graph) -> tuple[tuple[int, ...], ...]:
    """Return the products of each phase along each spatial axis; none where they are not known."""
    try:
        return tuple(each.overlaps for each in spread_windows(Call(node, graph)))
    except Undetermined:
        return ()


def _is_smoothed(graph: Graph, node: Node, smoothing: set[str]) -> bool:
    """Whether every path to an output goes through a node of `smoothing`."""
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
