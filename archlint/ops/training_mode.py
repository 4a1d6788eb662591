"""Which nodes of a file compute as in training, whatever runs them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node

_ATTRIBUTE_SINCE = 14  # the version of the operators; before, the number of outputs decides
_SWITCHES: Mapping[str, int] = MappingProxyType(
    {"Dropout": 2, "BitmaskDropout": 2, "BiasDropout": 4, "BitmaskBiasDropout": 4}
)
"""The slot of the switch between training and inference; the ratio is in the one before it."""


def active_dropouts(graph: Graph) -> Iterator[Node]:
    """Yield the dropouts that are switched on; a switch that is an input of the model is not."""
    for node in graph.nodes:
        slot = _SWITCHES.get(node.op)
        if slot is None or not _is_known(node, slot, graph, true=True):
            continue
        if not _is_known(node, slot - 1, graph, true=False):
            yield node


def training_batch_norms(graph: Graph) -> Iterator[Node]:
    """Yield the batch norms that take their statistics from the batch."""
    for node in graph.nodes:
        if node.op != "BatchNormalization" or node.domain:
            continue
        if graph.opset >= _ATTRIBUTE_SINCE:
            trains = node.attributes.get("training_mode") == 1
        else:
            trains = any(node.outputs[1:])
        if trains:
            yield node


def _is_known(node: Node, slot: int, graph: Graph, *, true: bool) -> bool:
    """Whether an input is a known number that is true, or zero."""
    if slot >= len(node.inputs) or not node.inputs[slot]:
        return False
    contents = graph.constants.get(node.inputs[slot])
    return contents is not None and contents.size == 1 and bool(contents.reshape(-1)[0]) is true
