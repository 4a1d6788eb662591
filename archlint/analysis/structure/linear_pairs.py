"""Pairs of layers with nothing nonlinear between them, which one layer could replace."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from archlint.analysis.structure.flow import Flow
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.effect import Passes, Sums
from archlint.ops.fan import Fan

_MOST_BETWEEN = 4


class LinearPair(Struct, frozen=True):
    """Two layers in a row, the numbers of their weights, and that of one layer that does the same.

    A layer of inputs n, outputs m and kernel k has n m k weights.
    """

    first: Node
    second: Node
    weights: int
    merged_weights: int


class _Layer(Struct, frozen=True):
    """A sum of products with a stored weight; `fan` has its sizes, `rank` is that of the weight."""

    node: Node
    fan: Fan
    rank: int
    has_bias: bool

    @property
    def weights(self) -> int:
        """The number of its weights."""
        return self.fan.channels * self.fan.outputs * self.fan.kernel


def linear_pairs(graph: Graph, flow: Flow) -> Iterator[LinearPair]:
    """Yield the pairs whose one layer has no more weights, so that they are no low-rank product."""
    layers = {
        node.name: layer
        for node in flow.weighted
        if (layer := _layer(graph, flow, node)) is not None
    }
    for first in layers.values():
        second = layers.get(_next(graph, flow, first))
        if second is None or not _fits(first, second):
            continue
        spent, merged = first.weights + second.weights, _merged_weights(first, second)
        if merged <= spent:
            yield LinearPair(first.node, second.node, spent, merged)


def _layer(graph: Graph, flow: Flow, node: Node) -> _Layer | None:
    """Return a node as a layer that mixes all its channels; None for others."""
    effect = flow.effect(node)
    if not isinstance(effect, Sums) or effect.fan.groups > 1 or effect.factors != (0, 1):
        return None
    data, weight = node.inputs[:2]
    shape = graph.values[weight].shape
    if not flow.is_stored(weight) or flow.is_stored(data) or shape is None:
        return None
    return _Layer(node, effect.fan, len(shape), flow.offset_of(node, effect) is not None)


def _next(graph: Graph, flow: Flow, layer: _Layer) -> str:
    """Return the name of the only node that reads a layer, past its bias; "" where there is none.

    Dropout counts as a function: it is one in training.
    """
    name = layer.node.output
    for _ in range(_MOST_BETWEEN):
        users = flow.readers(name)
        if len(users) != 1 or name in graph.outputs:
            return ""
        (user,) = users
        effect = flow.effect(user)
        if isinstance(effect, Sums):
            return user.name if user.inputs[0] == name else ""
        offset = flow.offset(user)
        if offset is not None:
            if graph.values[user.inputs[offset]].elements not in {1, layer.fan.outputs}:
                return ""
        elif not (isinstance(effect, Passes) and effect.in_place and not effect.dropped):
            return ""
        name = user.output
    return ""


def _fits(first: _Layer, second: _Layer) -> bool:
    """Whether one layer can compute exactly what two do.

    A bias is not there in the padding that a kernel behind it reads.
    """
    is_alike = first.rank == second.rank and first.fan.outputs == second.fan.channels
    return is_alike and (second.fan.kernel == 1 or (first.fan.kernel == 1 and not first.has_bias))


def _merged_weights(first: _Layer, second: _Layer) -> int:
    kernel = max(first.fan.kernel, second.fan.kernel)
    return first.fan.channels * second.fan.outputs * kernel
