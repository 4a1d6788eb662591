"""Whether stored weights are freshly initialized or trained.

Sigma and kurtosis cannot tell: after a thousand steps of Adam, weights drawn as He's normal
distribution still look like it. One step of training, though, moves every bias off zero, every
gain of a normalization off one, and some weights out of the bounds that they were drawn in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from math import sqrt
from typing import TypeVar

from msgspec import Struct

from archlint.analysis.initialization.distribution import UNIFORM, Distribution
from archlint.analysis.initialization.framework_default import framework_default, is_untouched
from archlint.analysis.structure.flow import Flow
from archlint.graph.node import Node
from archlint.graph.program.left_out import lacks_bias
from archlint.ops.effect import Normalizes, Sums

T = TypeVar("T")

_MOST_NODES = 64  # of every kind of evidence: a large model costs no more than a small one
_ROUNDING = 1 + 1e-5
_FARTHEST = 10
_TELLING = 100  # numbers: of fewer, chance decides which distribution they look like
_SQUARES = (1 / 3, 4 / 45)  # mean and variance of the square of a uniform number in +-1
_SURE = 5  # standard errors


class Evidence(Struct, frozen=True):
    """An observation that indicates fresh weights, trained weights, or neither."""

    is_fresh: bool | None
    tensor: str
    text: str


class Freshness(Struct, frozen=True, dict=True):
    """The state of a model's stored weights; `stated` is what the target says of them."""

    flow: Flow
    spread: Callable[[str], Distribution | None]
    stated: str = "auto"

    @cached_property
    def is_fresh(self) -> bool | None:
        """Whether the weights are fresh; None where there is no evidence."""
        if self.stated != "auto":
            return self.stated == "fresh"
        told = {each.is_fresh for each in self.evidence}
        if False in told:
            return False
        return True if told == {True} else None

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """The observations; the first one that indicates trained weights ends the search."""
        seen = []
        for each in self._all():
            seen.append(each)
            if each.is_fresh is False:
                break
        return tuple(seen)

    def _all(self) -> Iterator[Evidence]:
        normalizing: list[tuple[Node, Normalizes]] = []
        summing: list[tuple[Node, Sums]] = []
        for node in self.flow.weighted:
            effect = self.flow.effect(node)
            if isinstance(effect, Normalizes):
                normalizing.append((node, effect))
            elif isinstance(effect, Sums):
                summing.append((node, effect))
        for node, normalization in _spread_out(normalizing):
            yield from self._of_normalization(node, normalization)
        looked_at = _spread_out(summing)
        for node, product in looked_at:
            yield from self._of_sum(node, product)
        yield from self._of_short_biases(looked_at)

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
        weight = self._weight(node, effect)
        if weight is not None and _tells(weight) and is_untouched(effect.fan, weight):
            default = framework_default(effect.fan, weight)
            yield Evidence(True, node.inputs[effect.factors[1]], f"is exactly {default}")
        bias = self._bias(node, effect)
        if bias is None:
            if lacks_bias(node) and self.flow.offset_of(node, effect) is None:
                yield Evidence(True, node.output, "had a bias, left out because it was exactly 0")
            return
        name, found = bias
        if found.is_constant:
            if found.mean == 0:
                yield Evidence(True, name, "is exactly 0")
        elif not _is_drawn(found, _bound(effect)) or (
            _tells(found) and UNIFORM not in {found.family, weight and weight.family}
        ):
            yield Evidence(False, name, "is a bias that is neither constant nor as drawn")

    def _of_short_biases(self, summing: list[tuple[Node, Sums]]) -> Iterator[Evidence]:
        """Judge biases whose weights do not have the default: initialized, or trained from zero.

        Each is too short to identify its distribution; all together have a mean square.
        """
        name, count, squares = "", 0, 0.0
        for node, effect in summing:
            weight, bias = self._weight(node, effect), self._bias(node, effect)
            if weight is None or not _tells(weight) or weight.family == UNIFORM or bias is None:
                continue
            if not bias[1].is_constant and not _tells(bias[1]):
                name, found = bias
                count += found.numbers
                squares += found.numbers * found.second_moment / _bound(effect) ** 2
        mean, variance = _SQUARES
        if count and abs(squares / count - mean) > _SURE * sqrt(variance / count):
            yield Evidence(False, name, "is a bias that is neither constant nor as drawn")
        elif 0 < count < _TELLING:
            yield Evidence(None, name, "is a bias too short to judge how it was drawn")

    def _weight(self, node: Node, effect: Sums) -> Distribution | None:
        return self._stored(node, effect.factors[1]) or self._stored(node, effect.factors[0])

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


def _bound(effect: Sums) -> float:
    """Return the bound that PyTorch draws a bias within, by default."""
    return 1 / sqrt(max(effect.fan.framework_fans[0], 1))


def _tells(found: Distribution) -> bool:
    return found.numbers >= _TELLING


def _is_drawn(found: Distribution, bound: float) -> bool:
    """Whether numbers lie within a bound, and reach it as uniform ones of that bound do.

    The largest of n lies below 1 - 10/n of the bound with a probability of e^-10.
    """
    reached = bound * (1 - _FARTHEST / max(found.numbers, _FARTHEST))
    return reached <= found.largest <= bound * _ROUNDING


def _spread_out(items: list[T]) -> list[T]:
    step = -(-len(items) // _MOST_NODES) or 1
    return items[::step]
