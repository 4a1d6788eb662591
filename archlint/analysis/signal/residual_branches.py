"""Residual branches: layers whose result is added to the signal that they started from."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from archlint.analysis.initialization.initialization import Initialization
from archlint.analysis.initialization.layer import Layer
from archlint.analysis.structure.flow import Flow
from archlint.graph.node import Node
from archlint.ops.effect import Attends, Combines, Normalizes, Operation, Passes, Pools, Shares

_LONGEST = 400  # nodes that are searched for the start of a branch


class Branch(Struct, frozen=True):
    """A residual branch: its last layer, its addition, and the stream.

    `normalized` is whether it normalizes its signal, `causal` whether it attends to the past alone.
    """

    end: Layer
    addition: Node
    stream: str
    normalized: bool
    causal: bool


def residual_branches(initialization: Initialization) -> Iterator[Branch]:
    """Yield the residual branches that end in a weighted sum."""
    flow = initialization.flow
    for layer in initialization.layers:
        addition = _addition(flow, layer)
        if addition is None:
            continue
        node, stream = addition
        inside = _inside(flow, layer, stream)
        if inside is not None:
            yield Branch(layer, node, stream, *inside)


def _addition(flow: Flow, layer: Layer) -> tuple[Node, str] | None:
    """Return what adds the result of a layer to another signal, and that signal."""
    if not layer.sink.joins:
        return None
    name = layer.node.output
    while True:
        users = flow.graph.consumers.get(name, ())
        if len(users) != 1:
            return None
        user = users[0]
        effect = flow.effect(user)
        is_addition = isinstance(effect, Combines) and effect.operation is Operation.ADD
        if is_addition and flow.offset(user) is None:
            return user, next((each for each in user.inputs if each != name), "")
        if not (is_addition or isinstance(effect, Passes | Pools)):
            return None
        name = user.output


def _inside(flow: Flow, layer: Layer, stream: str) -> tuple[bool, bool] | None:
    """Return whether a branch normalizes, and whether it attends causally; None for no branch.

    It is a branch if its last layer depends on the stream.
    """
    producers, stored = flow.graph.producers, flow.stored
    pending, seen = [layer.node], set[str]()
    normalized = causal = reached = False
    while pending and len(seen) < _LONGEST:
        node = pending.pop()
        if node.name in seen:
            continue
        seen.add(node.name)
        effect = flow.effect(node)
        normalized = normalized or (isinstance(effect, Normalizes) and effect.resets_scale)
        causal = causal or (isinstance(effect, Attends | Shares) and effect.causal)
        for name in node.inputs:
            if name == stream:
                reached = True
            elif name in producers and name not in stored:
                pending.append(producers[name])
    return (normalized, causal) if reached else None
