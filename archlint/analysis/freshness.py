"""Whether stored weights are as they were drawn, or trained: told by exact zeros, ones and bounds.

Sigma and kurtosis cannot tell: after a thousand steps of Adam, weights drawn as He's normal
distribution still look like it. One step of training, though, moves every bias off zero, every
gain of a normalization off one, and some weights out of the bounds that they were drawn in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from math import sqrt
from typing import TypeVar

from archlint.analysis.distribution import UNIFORM, Distribution
from archlint.analysis.flow import Flow
from archlint.analysis.framework_default import framework_default, is_untouched
from archlint.graph.node import Node
from archlint.ops.composite.exported import left_out
from archlint.ops.effect import Normalizes, Sums
from archlint.record import record

T = TypeVar("T")

_MOST_NODES = 64  # of every kind of evidence: a large model costs no more than a small one
_ROUNDING = 1 + 1e-5
_FARTHEST = 10


@record
class Evidence:
    """Something seen in the file that speaks for fresh weights, or against them."""

    is_fresh: bool
    tensor: str
    text: str


@record(slots=False)
class Freshness:
    """The state of a model's stored weights; `stated` is what the target says of them."""

    flow: Flow
    spread: Callable[[str], Distribution | None]
    stated: str = "auto"

    @cached_property
    def is_fresh(self) -> bool | None:
        """Whether the weights are fresh; None where nothing tells."""
        if self.stated != "auto":
            return self.stated == "fresh"
        if any(not each.is_fresh for each in self.evidence):
            return False
        return True if self.evidence else None

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """What was seen; the first thing that speaks for trained weights ends the search."""
        seen = []
        for each in self._all():
            seen.append(each)
            if not each.is_fresh:
                break
        return tuple(seen)

    def _all(self) -> Iterator[Evidence]:
        normalizing: list[tuple[Node, Normalizes]] = []
        summing: list[tuple[Node, Sums]] = []
        for node in self.flow.graph.nodes:
            effect = self.flow.effects[node.name]
            if isinstance(effect, Normalizes):
                normalizing.append((node, effect))
            elif isinstance(effect, Sums):
                summing.append((node, effect))
        for node, normalization in _spread_out(normalizing):
            yield from self._of_normalization(node, normalization)
        for node, product in _spread_out(summing):
            yield from self._of_sum(node, product)

    def _of_normalization(self, node: Node, effect: Normalizes) -> Iterator[Evidence]:
        operator = self.flow.operators.of(node)
        running = operator.buffers if operator else ()
        expected = [(effect.gain, 1.0), (effect.shift, 0.0)]
        # In training mode, the pass that exported the model has moved the running statistics.
        if len(running) == 2 and not node.attributes.get("training_mode"):
            expected += [(running[0], 0.0), (running[1], 1.0)]
        for slot, value in expected:
            found = None if slot is None else self._stored(node, slot)
            if found is None or slot is None:
                continue
            if not found.is_constant:
                yield Evidence(False, node.inputs[slot], "differs from element to element")
            elif found.mean == value:
                yield Evidence(True, node.inputs[slot], f"is exactly {value:g}")

    def _of_sum(self, node: Node, effect: Sums) -> Iterator[Evidence]:
        weight = self._stored(node, effect.factors[1]) or self._stored(node, effect.factors[0])
        bound = 1 / sqrt(max(effect.fan.framework_fans[0], 1))
        uniform = weight is not None and weight.family == UNIFORM
        if weight is not None and is_untouched(effect.fan, weight):
            default = framework_default(effect.fan, weight)
            yield Evidence(True, node.inputs[effect.factors[1]], f"is exactly {default}")
        bias = self._bias(node, effect)
        if bias is None:
            if left_out(node) and self.flow.offset_of(node, effect) is None:
                yield Evidence(True, node.output, "had a bias, left out because it was exactly 0")
            return
        name, found = bias
        if found.is_constant:
            if found.mean == 0:
                yield Evidence(True, name, "is exactly 0")
        elif not (_is_drawn(found, bound) and (uniform or found.family == UNIFORM)):
            yield Evidence(False, name, "is a bias that is neither constant nor as drawn")

    def _bias(self, node: Node, effect: Sums) -> tuple[str, Distribution] | None:
        name = self.flow.offset_of(node, effect)
        root = None if name is None else self.flow.parameters.origins.get(name)
        found = None if root is None else self.spread(root)
        return None if found is None or name is None else (name, found)

    def _stored(self, node: Node, slot: int) -> Distribution | None:
        if slot >= len(node.inputs):
            return None
        root = self.flow.parameters.origins.get(node.inputs[slot])
        return None if root is None else self.spread(root)


def _is_drawn(found: Distribution, bound: float) -> bool:
    """Whether numbers lie within a bound, and reach it as uniform ones of that bound do.

    The largest of n lies below 1 - 10/n of the bound with a probability of e^-10.
    """
    reached = bound * (1 - _FARTHEST / max(found.numbers, _FARTHEST))
    return reached <= found.largest <= bound * _ROUNDING


def _spread_out(items: list[T]) -> list[T]:
    step = -(-len(items) // _MOST_NODES) or 1
    return items[::step]
