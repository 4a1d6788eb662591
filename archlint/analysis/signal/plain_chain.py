"""The longest row of layers that a gradient passes without a shortcut or a normalization."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.generated_names import is_generated_name
from archlint.graph.node import Node
from archlint.ops.effect import (
    Activates,
    Combines,
    Effect,
    Joins,
    Normalizes,
    Over,
    Passes,
    Pools,
    Sums,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from archlint.analysis.initialization.initialization import Initialization
    from archlint.analysis.initialization.layer import Layer
    from archlint.analysis.structure.flow import Flow


class PlainChain(Struct, frozen=True):
    """A row of `layers` layers, and its first and its last one."""

    layers: int
    first: Node
    last: Node


def plain_chain(initialization: Initialization, least: int) -> PlainChain | None:
    """Return the longest row of layers, None where it has fewer than `least`.

    Where paths meet, the shortest counts, along which the gradient has the fewest layers to pass. A
    normalization ends the row, and so do one that may have been folded into a layer, a weight that
    several layers share, as those of the steps of a recurrence, and an operator without a known
    effect.
    """
    flow = initialization.flow
    uses = Counter(layer.weight for layer in initialization.layers)
    layers = [layer for layer in initialization.layers if uses[layer.weight] == 1]
    longest = _longest(flow, {layer.node.name for layer in layers})
    if longest is None or longest.layers < least:  # as most, without a look at each layer
        return None
    longest = _longest(flow, {layer.node.name for layer in layers if not _may_fold(layer)})
    return None if longest is None or longest.layers < least else longest


def _longest(flow: Flow, counting: Collection[str]) -> PlainChain | None:
    """Return the longest row of the layers in `counting`, which others end."""
    rows: dict[str, PlainChain] = {}
    longest = None
    for node in flow.nodes:
        before = [rows.get(name) for name in node.inputs if name in flow.dependent]
        row = min(before, key=_length, default=None)
        effect = flow.effect(node)
        if isinstance(effect, Sums):
            row = _longer(row, node) if node.name in counting else None
        elif not _goes_on(effect):
            row = None
        if row is None:
            continue
        rows |= dict.fromkeys(filter(None, node.outputs), row)
        longest = max(longest, row, key=_length)
    return longest


def _length(row: PlainChain | None) -> int:
    return 0 if row is None else row.layers


def _longer(row: PlainChain | None, node: Node) -> PlainChain:
    return PlainChain(1, node, node) if row is None else PlainChain(row.layers + 1, row.first, node)


def _goes_on(effect: Effect | None) -> bool:
    """Whether a row goes on behind an operator."""
    if isinstance(effect, Normalizes):
        return effect.over is Over.NEIGHBOURS
    return isinstance(effect, Passes | Activates | Pools | Combines | Joins)


def _may_fold(layer: Layer) -> bool:
    """Whether a normalization may have been folded into a layer, also where no sign tells.

    Exporters leave a convolution with a bias, and nothing else; in files of PyTorch, the name of
    the weight is then no longer that of a parameter.
    """
    graph = layer.flow.graph
    has_kernel = len(graph.values[layer.weight].shape or ()) > 2
    is_kept = graph.is_from_pytorch and not is_generated_name(layer.weight)
    is_declared = layer.node.document_path is not None
    return layer.folded or (has_kernel and not (is_declared or is_kept))
