"""ARCH002: two layers in a row without a function between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.api import Fan, Finding, Model, Passes, Rule, Severity, Sums, format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node

_MOST_BETWEEN = 4


class LinearAfterLinear(Rule):
    """Two layers in a row, with nothing nonlinear between them, could be one with fewer weights."""

    code = "ARCH002"
    name = "linear-after-linear"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report pairs of layers that compute what a single one can, with as many weights."""
        layers = {
            node.name: layer
            for node in model.facts.flow.weighted
            if (layer := _layer(model, node)) is not None
        }
        found = [
            (layer, after)
            for layer in layers.values()
            if (after := layers.get(_next(model, layer))) is not None and _is_wasteful(layer, after)
        ]
        if found:
            yield self._pairs(found)

    def _pairs(self, found: list[tuple[_Layer, _Layer]]) -> Finding:
        first, second = found[0]
        spent, needed = first.weights + second.weights, _merged(first, second)
        others = len(found) - 1
        more = f", and so do {others} more pairs" if others > 1 else ", and so does another pair"
        return self.finding(
            f"{first.node.name} and {second.node.name} compute what one layer can, with nothing "
            f"nonlinear between them: {format_count(spent)} weights instead of "
            f"{format_count(needed)}{more * bool(others)}",
            node=second.node,
            data={
                "pairs": [[one.node.name, other.node.name] for one, other in found],
                "weights": spent,
                "merged_weights": needed,
            },
            help="put an activation between them, or make them one layer",
        )


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


def _layer(model: Model, node: Node) -> _Layer | None:
    """Return a node as a layer that mixes all its channels; None for others."""
    flow = model.facts.flow
    effect = flow.effect(node)
    if not isinstance(effect, Sums) or effect.fan.groups > 1 or effect.factors != (0, 1):
        return None
    data, weight = node.inputs[:2]
    shape = model.graph.values[weight].shape
    if not flow.is_stored(weight) or flow.is_stored(data) or shape is None:
        return None
    return _Layer(node, effect.fan, len(shape), flow.offset_of(node, effect) is not None)


def _next(model: Model, layer: _Layer) -> str:
    """Return the name of the only node that reads a layer, past its bias; "" where there is none.

    Dropout counts as a function: it is one in training.
    """
    flow, name = model.facts.flow, layer.node.output
    for _ in range(_MOST_BETWEEN):
        users = flow.readers(name)
        if len(users) != 1 or name in model.graph.outputs:
            return ""
        (user,) = users
        effect = flow.effect(user)
        if isinstance(effect, Sums):
            return user.name if user.inputs[0] == name else ""
        offset = flow.offset(user)
        if offset is not None:
            value = model.graph.values[user.inputs[offset]]
            if value.elements not in {1, layer.fan.outputs}:
                return ""
        elif not (isinstance(effect, Passes) and effect.in_place and not effect.dropped):
            return ""
        name = user.output
    return ""


def _is_wasteful(first: _Layer, second: _Layer) -> bool:
    """Whether one layer has no more weights, so that the pair is no bottleneck of low rank."""
    fits = first.rank == second.rank and first.fan.outputs == second.fan.channels
    # A bias is not there in the padding that a kernel behind it reads.
    is_exact = second.fan.kernel == 1 or (first.fan.kernel == 1 and not first.has_bias)
    return fits and is_exact and _merged(first, second) <= first.weights + second.weights


def _merged(first: _Layer, second: _Layer) -> int:
    """Return the number of weights of one layer that computes what two do."""
    kernel = max(first.fan.kernel, second.fan.kernel)
    return first.fan.channels * second.fan.outputs * kernel
