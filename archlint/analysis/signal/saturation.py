"""Chains of layers with saturating functions, which pass little gradient."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.signal.gradient import GradientSignal
from archlint.graph.node import Node
from archlint.ops.effect import Activates, Effect, Passes, Sums

if TYPE_CHECKING:
    from archlint.ops.effect import Function

_FLAT = 1e-2
"""How close a saturating function is to its limit at 1,000; softsign has 1e-3."""


class Chain(Struct, frozen=True):
    """A chain of layers without a bypass and without normalization.

    `slopes` is the root mean square of the product of the functions' derivatives between the layers
    `first` and `last`. `ratio` is the root mean square of the gradient after `first`, relative to
    that after `last`: the slopes times the effect of the weights.
    """

    first: Node
    last: Node
    layers: int
    functions: frozenset[str]
    slopes: float = 1.0
    ratio: float = 1.0


class Saturation(Struct, frozen=True, dict=True):
    """The chains of layers with saturating functions between them, such as sigmoids."""

    gradient: GradientSignal

    def chains(self) -> Iterator[Chain]:
        """Yield the longest chains of layers.

        Networks without saturating functions have none.
        """
        flow = self.gradient.propagation.flow
        if not any(map(self._is_squashed, flow.nodes)):
            return
        chains: dict[str, Chain] = {}
        for node in flow.nodes:
            before = [chains[name] for name in node.inputs if name in chains]
            if not before and not isinstance(flow.effect(node), Sums):
                continue
            offset = flow.offset(node)
            chain = before[0] if offset is not None else self._after(node, before)
            if chain is not None:
                chains[node.output] = chain
                if chain.last is node:
                    yield chain

    def _after(self, node: Node, before: list[Chain]) -> Chain | None:
        """Return the chain up to a node; other operators than layers and such functions end it."""
        flow = self.gradient.propagation.flow
        effect: Effect | None = flow.effect(node)
        if isinstance(effect, Sums) and self._is_layer(node, effect):
            start = before[0] if before else Chain(node, node, 0, frozenset())
            ratio = self._ratio(start.first.output, node.output)
            if ratio is None:
                return None
            return replace(start, last=node, layers=start.layers + 1, ratio=ratio)
        if isinstance(effect, Passes) and len(before) == 1:
            return before[0]
        if isinstance(effect, Activates) and before and self._is_squashed(node):
            slope = self._ratio(node.inputs[effect.slot], node.output)
            return None if slope is None else _squashed(before[0], effect.name, slope)
        return None

    def _is_squashed(self, node: Node) -> bool:
        """Whether a saturating function is applied."""
        effect = self.gradient.propagation.flow.effect(node)
        return isinstance(effect, Activates) and _saturates(effect.function)

    def _is_layer(self, node: Node, effect: Sums) -> bool:
        """Whether one factor is stored, and the other one computed."""
        flow = self.gradient.propagation.flow
        return sum(flow.is_stored(node.inputs[slot]) for slot in effect.factors) == 1

    def _ratio(self, before: str, after: str) -> float | None:
        """Return the ratio of the root mean square gradients at one tensor and at a later one."""
        moments = self.gradient.second_moments
        if not moments.get(after) or before not in moments:
            return None
        return sqrt(moments[before] / moments[after])


def _squashed(chain: Chain, name: str, slope: float) -> Chain:
    return replace(chain, slopes=chain.slopes * slope, functions=chain.functions | {name})


@lru_cache(maxsize=64)
def _saturates(function: Function) -> bool:
    """Whether a function is flat far from zero on both sides."""
    import numpy as np

    with np.errstate(all="ignore"):
        low, lowest, high, highest = function(np.array([-1e3, -1e6, 1e3, 1e6]))
        return bool(abs(low - lowest) < _FLAT and abs(high - highest) < _FLAT)
