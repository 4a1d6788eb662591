"""Segments of a network: from one normalization to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import sqrt

from msgspec import Struct

from archlint.analysis.initialization.layer import Layer
from archlint.analysis.signal.bypass import is_bypassed
from archlint.analysis.signal.propagation import Propagation
from archlint.analysis.signal.residual_branches import Branch, residual_branches
from archlint.analysis.structure.ends import Kind, Sink
from archlint.graph.node import Node
from archlint.ops.effect import (
    Activates,
    Attends,
    Combines,
    Effect,
    LooksUp,
    MeasuresLoss,
    Normalizes,
    Operation,
    Recurs,
    Shares,
    Sums,
)

_FITS = 1.25  # a factor of sigma that is harmless
_LAYERS = {Kind.SUM, Kind.NORMALIZATION}
_NOWHERE = Sink(frozenset())


class Scale(Struct, frozen=True):
    """The root mean square of an activation relative to the start of its segment, with its band."""

    node: Node
    ratio: float
    low: float
    high: float

    def is_outside(self, factor: float) -> bool:
        """Whether the whole band of the scale is more than a factor above or below the start."""
        return 0 < self.high < 1 / factor or self.low > factor


class Segments(Struct, frozen=True, dict=True):
    """The signal between one normalization and the next."""

    propagation: Propagation

    @cached_property
    def starts(self) -> Mapping[str, float]:
        """The second moment at the start of each tensor's segment: of data, a table, a norm."""
        starts: dict[str, float] = {}
        graph, signals = self.propagation.graph, self.propagation.signals
        flow = self.propagation.flow
        for name in graph.inputs:
            if name in signals:
                starts[name] = signals[name].second_moment
        for node in flow.nodes:
            if node.output not in signals:
                continue
            effect = flow.effect(node)
            own = signals[node.output].second_moment
            if isinstance(effect, LooksUp | Attends | Recurs) or _resets_scale(effect):
                start = own
            else:
                known = [starts[name] for name in node.inputs if name in starts]
                start = max(known, default=own)
            for name in filter(None, node.outputs):
                starts[name] = start
        return starts

    def scale(self, name: str) -> float | None:
        """Return the root mean square of a tensor relative to the start of its segment."""
        start = self.starts.get(name, 0.0)
        return sqrt(self.propagation.signals[name].second_moment / start) if start > 0 else None

    def drifting(self, factor: float) -> Iterator[Scale]:
        """Yield the activations whose scale is certainly not within a factor of the start's.

        Only inputs of layers and normalizations count: factors, attention weights and outputs are
        scaled on purpose. A signal may be small in a branch with a parallel path.
        """
        flow, signals = self.propagation.flow, self.propagation.signals
        for node in flow.nodes:
            origin = flow.origins.get(node.output)
            if origin is None or origin.kind is not Kind.ACTIVATION or origin.node is not node:
                continue
            if flow.sinks.get(node.output, _NOWHERE).kinds.isdisjoint(_LAYERS):
                continue
            signal, start = signals.get(node.output), self.starts.get(node.output, 0.0)
            if signal is None or start <= 0:
                continue
            low, high = (sqrt(max(each, 0) / start) for each in signal.band)
            found = Scale(node, sqrt(signal.second_moment / start), low, high)
            if found.is_outside(factor) and not (found.ratio < 1 and is_bypassed(flow, node)):
                yield found

    @cached_property
    def defaults(self) -> Mapping[str, int]:
        """The number of consecutive layers with default initialization before each tensor.

        A normalization (also one that may have been folded), a layer with an explicit
        initialization, a default that happens to fit a ReLU, a parallel path, and a product of
        signals, as in a gate or an attention, end the chain.
        """
        initialization = self.propagation.initialization
        flow = initialization.flow
        by_node = {layer.node.name: layer for layer in initialization.layers}
        runs: dict[str, int] = {}
        stored = flow.stored
        for node in flow.nodes:
            effect = flow.effect(node)
            before = [runs.get(name, 0) for name in node.inputs if name and name not in stored]
            run = min(before) if before else 0
            if isinstance(effect, Sums):
                layer = by_node.get(node.name)
                run = run + 1 if layer is not None and self._is_left(layer) else 0
            elif _ends_chain(effect) or (len(before) > 1 and _is_product(effect)):
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

    def is_bypassed(self, layer: Layer) -> bool:
        """Whether a layer is in a branch with a parallel path."""
        return is_bypassed(self.propagation.flow, layer.node)

    @cached_property
    def before_heads(self) -> frozenset[str]:
        """The layers that only an elementwise function separates from a last layer."""
        layers = self.propagation.initialization.layers
        found = (self._before_head(layer.data) for layer in layers if layer.sink.is_final)
        return frozenset(name for name in found if name is not None)

    def _before_head(self, tensor: str) -> str | None:
        flow, functions = self.propagation.flow, 0
        while (node := flow.graph.producers.get(tensor)) is not None:
            if isinstance(flow.effect(node), Sums):
                return node.name if functions == 1 else None
            functions += isinstance(flow.effect(node), Activates)
            before = [name for name in node.inputs if name in flow.dependent]
            if len(before) != 1:
                return None
            tensor = before[0]
        return None

    def is_cut_off(self, layer: Layer) -> bool:
        """Whether a ReLU follows a layer, which passes no gradient where its input is zero."""
        flow = self.propagation.flow
        for origin in flow.origins.values():
            if origin.node is not None and origin.activation is not None and origin.is_rectified:
                before = flow.origins.get(origin.node.inputs[origin.activation.slot])
                if before is not None and before.node is layer.node:
                    return True
        return False

    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        """The residual branches that end in a weighted sum."""
        return tuple(residual_branches(self.propagation.initialization))


def _ends_chain(effect: Effect | None) -> bool:
    """Whether the scale after an operator is independent of that before it."""
    if isinstance(effect, Activates):
        return effect.is_gate
    return (
        effect is None
        or isinstance(effect, Attends | Shares | Recurs | MeasuresLoss)
        or _resets_scale(effect)
    )


def _is_product(effect: Effect | None) -> bool:
    return isinstance(effect, Combines) and effect.operation is not Operation.ADD


def _resets_scale(effect: Effect | None) -> bool:
    return isinstance(effect, Normalizes) and effect.resets_scale
