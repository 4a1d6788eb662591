"""The second moment of the gradient through a network at initialization."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.signal.attention import attention_scores, sensitivity, varying
from archlint.analysis.signal.propagation import Propagation
from archlint.graph.node import Node
from archlint.ops.effect import (
    Activates,
    Attends,
    Combines,
    Effect,
    Joins,
    LooksUp,
    Normalizes,
    Operation,
    Over,
    Passes,
    Pooling,
    Pools,
    Shares,
    Sums,
)

if TYPE_CHECKING:
    from archlint.analysis.signal.signal import Signal


class GradientSignal(Struct, frozen=True, dict=True):
    """The second moment of the gradient in each tensor, for a gradient of one in every output.

    Backward and forward weights are assumed to be independent (He et al. 2015, section 2.2), so
    that a sum multiplies it by E[w^2] times the number of products of each input, and a function by
    E[f'^2]. Gradients are assumed to be independent between positions. Tensors with an unknown
    gradient are omitted.
    """

    propagation: Propagation

    @cached_property
    def second_moments(self) -> Mapping[str, float]:
        """The second moment of the gradient by tensor."""
        graph = self.propagation.graph
        found: dict[str, float] = {}
        unknown: set[str] = set()
        for name in graph.outputs:
            dtype = graph.values[name].dtype
            if dtype is not None and dtype.is_float:
                found[name] = 1.0
        for node in reversed(graph.nodes):
            known = [name for name in node.outputs if name in found and name not in unknown]
            lost = any(name in unknown for name in node.outputs)
            for slot, name in enumerate(node.inputs):
                if not self._has_gradient(name):
                    continue
                factor = self._factor(node, slot) if known or lost else 0.0
                if factor is None or lost:
                    unknown.add(name)
                elif known:
                    gained = self._arriving(node, known, found) * factor
                    found[name] = found.get(name, 0.0) + gained
        return {name: each for name, each in found.items() if name not in unknown}

    def _arriving(self, node: Node, known: list[str], found: Mapping[str, float]) -> float:
        """Return the second moment at the first output, including that of the other outputs."""
        if not isinstance(self.propagation.flow.effect(node), Passes):
            return found[known[0]]
        total = sum(found[name] * self.propagation.elements(name) for name in known)
        return total / self.propagation.elements(node.output)

    def _has_gradient(self, name: str) -> bool:
        """Whether a tensor is computed from the model's inputs, and no integer or shape."""
        if not name or self.propagation.flow.is_stored(name):
            return False
        dtype = self.propagation.graph.values[name].dtype
        return dtype is None or dtype.is_float

    def _factor(self, node: Node, slot: int) -> float | None:
        """Return the factor of a node on the gradient of an input; None if not known."""
        effect = self.propagation.flow.effect(node)
        signals = self.propagation.signals
        if effect is None or node.output not in signals:
            return None
        source, made = signals.get(node.inputs[slot]), signals[node.output]
        if not self.propagation.elements(node.inputs[slot]):
            return 0.0  # an empty tensor
        if source is None:
            return None
        factor = self._of_effect(node, slot, effect, (source, made))
        return factor if factor is None or isfinite(factor) else None

    def _of_effect(  # noqa: C901, PLR0911 - a line for each kind of effect
        self, node: Node, slot: int, effect: Effect, ends: tuple[Signal, Signal]
    ) -> float | None:
        source, made = ends
        spread = self.propagation.elements(node.output) / self.propagation.elements(
            node.inputs[slot]
        )
        match effect:
            case Passes():
                dropped = effect.dropped if self.propagation.training else 0.0
                return spread / (1 - dropped) if dropped < 1 else 0.0
            case LooksUp():
                return spread
            case Joins():
                return 1.0
            case Activates():
                return _slope(source, made)
            case Combines():
                return spread * self._of_combination(node, slot, effect)
            case Pools():
                scale = {Pooling.MEAN: 1 / effect.count, Pooling.TOTAL: effect.count}
                return spread * scale.get(effect.pooling, 1.0)
            case Normalizes():
                if not effect.resets_scale:
                    return 1.0
                passes = effect.over is Over.BATCH and not self.propagation.training
                return 1.0 if passes else made.second_moment / max(source.second_moment, 1e-300)
            case Sums() if slot in effect.factors:
                other = self._other(node, effect.factors[1 - effect.factors.index(slot)])
                if other is None:
                    return None
                products = effect.scale**2 * effect.fan.fan_in * effect.fill
                return spread * products * other.second_moment
            case Shares() if slot == 0:
                return sensitivity(varying(source), effect)
            case Attends():
                return self._of_attention(node, slot, effect, made)
        return None

    def _of_attention(self, node: Node, slot: int, effect: Attends, made: Signal) -> float | None:
        """Return the factor of values, or of queries and keys by way of their scores.

        A value gets a sum of shares. A query gets a sum over `length` keys, a key one over queries,
        for independent keys and values: where positions are correlated, it is less.
        """
        parts = (effect.query, effect.key, effect.value)
        query, key, value = (self._other(node, part) for part in parts)
        if query is None or key is None or value is None:
            return None
        spread = self.propagation.elements(node.output) / self.propagation.elements(
            node.inputs[slot]
        )
        if slot == effect.value:
            return spread * made.second_moment / max(value.second_moment, 1e-300)
        if slot not in parts:
            return None
        softmax = sensitivity(attention_scores(query, key), effect)
        other = key if slot == effect.query else query
        return spread * effect.length * softmax * value.second_moment * other.second_moment

    def _of_combination(self, node: Node, slot: int, effect: Combines) -> float:
        if effect.operation not in {Operation.MULTIPLY, Operation.DIVIDE}:
            return 1.0
        factor = 1.0
        for each in effect.slots:
            other = self._other(node, each) if each != slot else None
            if other is not None:
                moment = other.second_moment
                inverse = effect.operation is Operation.DIVIDE and moment > 0
                factor *= 1 / moment if inverse else moment
        return factor

    def _other(self, node: Node, slot: int) -> Signal | None:
        found = self.propagation.signals.get(node.inputs[slot])
        return found if found is not None else self.propagation.weight(node, slot)


def _slope(source: Signal, made: Signal) -> float | None:
    """Return E[f'(x)^2] over the input, with input and output as functions of one normal."""
    import numpy as np

    from archlint.analysis.signal import gaussian

    if source.root != made.root:
        return None
    before, after = np.diff(source.values), np.diff(made.values)
    moves = np.abs(before) > 1e-12
    if not moves.any():
        return None
    chances = (0.5 * (gaussian.weights()[1:] + gaussian.weights()[:-1]))[moves]
    steps = after[moves] / before[moves]
    return float((chances * steps * steps).sum())
