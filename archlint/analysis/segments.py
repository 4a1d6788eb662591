"""Stretches of a network without a normalization, and the branches that are added to a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import sqrt

from archlint.analysis.flow import Kind
from archlint.analysis.initialization import Layer
from archlint.analysis.propagation import Propagation
from archlint.graph.node import Node
from archlint.ops.effect import (
    Attends,
    Combines,
    LooksUp,
    Normalizes,
    Operation,
    Over,
    Passes,
    Pools,
    Recurs,
    Shares,
    Sums,
)
from archlint.record import record

_FITS = 1.25  # a factor of sigma that does no harm
_LONGEST_BRANCH = 400  # nodes that are looked at to find where a branch leaves its stream


@record
class Branch:
    """A residual branch: its last layer, where it is added, and what it is added to."""

    end: Layer
    addition: Node
    stream: str
    normalized: bool
    causal: bool


@record
class Scale:
    """The root mean square of an activation over that at the start of its stretch, and its band."""

    node: Node
    ratio: float
    low: float
    high: float

    def is_outside(self, factor: float) -> bool:
        """Whether the scale is surely more than a factor larger or smaller than at the start."""
        return 0 < self.high < 1 / factor or self.low > factor


@record(slots=False)
class Segments:
    """What happens to the signal between one normalization and the next."""

    propagation: Propagation

    @cached_property
    def starts(self) -> Mapping[str, float]:
        """The second moment that each tensor's stretch starts with: of data, a table, a norm."""
        starts: dict[str, float] = {}
        graph, signals = self.propagation.graph, self.propagation.signals
        flow = self.propagation.initialization.flow
        for name in graph.inputs:
            if name in signals:
                starts[name] = signals[name].second_moment
        for node in graph.nodes:
            if node.output not in signals:
                continue
            effect = flow.effects[node.name]
            own = signals[node.output].second_moment
            if isinstance(effect, LooksUp | Attends | Recurs) or _is_normalization(effect):
                start = own
            else:
                known = [starts[name] for name in node.inputs if name in starts]
                start = max(known, default=own)
            for name in filter(None, node.outputs):
                starts[name] = start
        return starts

    def scale(self, name: str) -> float | None:
        """Return the root mean square of a tensor over that of the start of its stretch."""
        start = self.starts.get(name, 0.0)
        return sqrt(self.propagation.signals[name].second_moment / start) if start > 0 else None

    def drifting(self, factor: float) -> Iterator[Scale]:
        """Yield the activations whose scale is surely not within a factor of the start's."""
        flow, signals = self.propagation.initialization.flow, self.propagation.signals
        for node in flow.graph.nodes:
            origin = flow.origins.get(node.output)
            if origin is None or origin.kind is not Kind.ACTIVATION or origin.node is not node:
                continue
            signal, start = signals.get(node.output), self.starts.get(node.output, 0.0)
            if signal is None or start <= 0:
                continue
            low, high = (sqrt(max(each, 0) / start) for each in signal.band)
            found = Scale(node, sqrt(signal.second_moment / start), low, high)
            if found.is_outside(factor):
                yield found

    @cached_property
    def defaults(self) -> Mapping[str, int]:
        """How many layers in a row before each tensor are left at a framework's default.

        A normalization (also one that may have been folded away), a layer that was drawn on
        purpose, a default that happens to fit a ReLU, and a path around end the row.
        """
        initialization = self.propagation.initialization
        flow = initialization.flow
        by_node = {layer.node.name: layer for layer in initialization.layers}
        runs: dict[str, int] = {}
        is_stored = flow.is_stored
        for node in flow.graph.nodes:
            effect = flow.effects[node.name]
            before = [runs.get(name, 0) for name in node.inputs if name and not is_stored(name)]
            run = min(before) if before else 0
            if isinstance(effect, Sums):
                layer = by_node.get(node.name)
                run = run + 1 if layer is not None and self._is_left(layer) else 0
            elif _is_normalization(effect) or effect is None:
                run = 0
            for name in filter(None, node.outputs):
                runs[name] = run
        return runs

    def _is_left(self, layer: Layer) -> bool:
        initialization = self.propagation.initialization
        if layer.folded or not initialization.default(layer):
            return False
        found = initialization.initial(layer.weight)
        return found is not None and found.is_outside(sqrt(2 / layer.fan.fan_in), _FITS)

    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        """The residual branches that end in a weighted sum."""
        found = (self._branch(layer) for layer in self.propagation.initialization.layers)
        return tuple(branch for branch in found if branch is not None)

    def _branch(self, layer: Layer) -> Branch | None:
        if not layer.destiny.joins:
            return None
        flow, name = self.propagation.initialization.flow, layer.node.output
        while True:
            users = flow.graph.consumers.get(name, ())
            if len(users) != 1:
                return None
            user = users[0]
            effect = flow.effects[user.name]
            is_addition = isinstance(effect, Combines) and effect.operation is Operation.ADD
            if is_addition and flow.offset(user) is None:
                break
            if not (is_addition or isinstance(effect, Passes | Pools)):
                return None
            name = user.output
        stream = next((each for each in user.inputs if each != name), "")
        found = self._inside(layer, stream)
        return None if found is None else Branch(layer, user, stream, *found)

    def _inside(self, layer: Layer, stream: str) -> tuple[bool, bool] | None:
        """Return whether a branch normalizes, and whether it attends causally; None for no branch.

        It is one where its stream is among what its last layer depends on.
        """
        flow = self.propagation.initialization.flow
        pending, seen = [layer.node], set[str]()
        normalized = causal = reached = False
        while pending and len(seen) < _LONGEST_BRANCH:
            node = pending.pop()
            if node.name in seen:
                continue
            seen.add(node.name)
            effect = flow.effects[node.name]
            normalized = normalized or _is_normalization(effect)
            causal = causal or (isinstance(effect, Attends | Shares) and effect.causal)
            for name in node.inputs:
                if name == stream:
                    reached = True
                elif name in flow.graph.producers and not flow.is_stored(name):
                    pending.append(flow.graph.producers[name])
        return (normalized, causal) if reached else None


def _is_normalization(effect: object) -> bool:
    return isinstance(effect, Normalizes) and effect.over is not Over.NEIGHBOURS
