"""What one operator does to the signals of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.initialization.initialization import Initialization
from archlint.analysis.signal.attention import (
    attended,
    attention_scores,
    averaged,
    shared,
)
from archlint.analysis.signal.maps import (
    activated,
    added,
    bounded,
    dropped,
    joined,
    multiplied,
    normalized,
    pooled,
    summed,
)
from archlint.analysis.signal.recurrent import recurred
from archlint.analysis.signal.signal import Signal, constant, normal
from archlint.analysis.signal.stored_signals import StoredSignals, elements
from archlint.analysis.structure.flow import Flow
from archlint.graph.node import Node
from archlint.ops.effect import (
    Activates,
    Attends,
    Combines,
    Effect,
    Holds,
    Joins,
    LooksUp,
    MeasuresLoss,
    Normalizes,
    Operation,
    Over,
    Passes,
    Pools,
    Recurs,
    Shares,
    Sums,
)
from archlint.ops.undetermined import Undetermined

_FOLDED = (
    "a normalization may have been folded into the weight; export in training mode, with constant "
    "folding off, or set training.batch-norm=absent if there was none"
)


class Transfer(Struct, frozen=True, dict=True):
    """What the operators of a network do to the signals of their inputs.

    `signals` has those that are known so far. `training` means that batch normalizations use the
    statistics of the batch. `dependent` are the tensors that depend on an input of the model.
    """

    initialization: Initialization
    training: bool
    dependent: frozenset[str]
    signals: Mapping[str, Signal]

    def of(  # noqa: C901, PLR0911, PLR0912 - a line for each kind of effect
        self, node: Node, effect: Effect
    ) -> Signal:
        """Return the signal that a node makes; raises Undetermined where it is not known."""
        take = partial(self._taken, node)
        match effect:
            case Passes():
                source = take(effect.slot)
                if effect.dropped and self.training:
                    return dropped(node.output, source, effect.dropped)
                return source if effect.in_place else source.renamed(node.output)
            case Holds():
                return constant(effect.value)
            case Activates():
                made = activated(take(effect.slot), effect)
                # Only bounds are known for a table of positions, as that of a rotary embedding.
                return made if node.output in self.dependent else bounded(made)
            case Combines():
                return self._combined(node, effect, [take(slot) for slot in effect.slots])
            case Joins():
                sizes = [self._elements(node.inputs[slot]) for slot in effect.slots]
                return joined(node.output, [take(slot) for slot in effect.slots], sizes)
            case Pools():
                return pooled(node.output, take(0), effect)
            case Normalizes():
                return self._normalized(node, effect, take)
            case Shares():
                return shared(node.output, take(0), effect)
            case Attends():
                scores = attention_scores(take(effect.query), take(effect.key))
                return attended(node.output, scores, take(effect.value), effect)
            case Sums():
                return self._summed(node, effect, take)
            case MeasuresLoss():
                raise Undetermined("a loss is no signal of the network")
            case LooksUp():
                source = take(effect.slot)
                if not self._flow.is_stored(node.inputs[effect.slot]):
                    return source.renamed(node.output)
                picked = source.independent(node.output)  # some of the rows, at random
                return replace(picked, width=self._elements(node.output) / self._batch(node))
            case Recurs():
                parts = [self._stored.of(node.inputs[slot]) for slot, _ in effect.fans]
                bias = node.inputs[3] if len(node.inputs) > 3 else ""
                offset = self._stored.of(bias) if bias else None
                return recurred(node.output, take(0), effect, parts, offset)

    def _combined(self, node: Node, effect: Combines, parts: list[Signal]) -> Signal:
        result = parts[0]
        for part in parts[1:]:
            match effect.operation:
                case Operation.ADD:
                    result = added(node.output, result, part)
                case Operation.SUBTRACT:
                    result = added(node.output, result, part.negative)
                case Operation.MULTIPLY:
                    result = multiplied(node.output, result, part)
                case Operation.DIVIDE:
                    result = multiplied(node.output, result, part.reciprocal)
        return result

    def _normalized(self, node: Node, effect: Normalizes, take: Callable[[int], Signal]) -> Signal:
        source = _normal_input(node, take)
        if effect.over is Over.BATCH and not self.training:
            made = take(0)
        else:
            made = normalized(node.output, source, effect)
        if effect.gain is not None:
            made = multiplied(node.output, made, take(effect.gain))
        if effect.shift is not None:
            made = added(node.output, made, take(effect.shift))
        return made

    def _summed(self, node: Node, effect: Sums, take: Callable[[int], Signal]) -> Signal:
        first, second = effect.factors
        flow = self._flow
        if flow.is_stored(node.inputs[first]):
            first, second = second, first
        if node.name in self._folded:
            raise Undetermined(_FOLDED)
        data, factor = take(first), take(second)
        units = self._units(node, effect)
        if flow.is_stored(node.inputs[second]):
            offset = None if effect.bias is None else take(effect.bias)
            return summed(node.output, data, factor, offset, effect, units)
        if data.shares:
            return averaged(node.output, data, factor)
        if factor.shares:
            return averaged(node.output, factor, data)
        return summed(node.output, data, factor, None, effect, units)

    def _units(self, node: Node, effect: Sums) -> tuple[float, float]:
        """Return the number of independent units of a sum's output, and of positions of each."""
        places = self._elements(node.output) / effect.fan.outputs / self._batch(node)
        return effect.fan.outputs, max(places, 1)

    def _batch(self, node: Node) -> int:
        batch = (self._flow.graph.values[node.output].shape or (1,))[0]
        return batch if isinstance(batch, int) and batch > 0 else 1

    def _taken(self, node: Node, slot: int) -> Signal:
        """Return the signal of an input of a node; raises Undetermined."""
        if slot >= len(node.inputs) or not node.inputs[slot]:
            raise Undetermined(f"input {slot} is missing")
        name = node.inputs[slot]
        if name in self.signals:
            return self.signals[name]
        found = self._stored.of(name)
        if found is None:
            raise Undetermined(f"the initial distribution of {name!r} is not known")
        return found

    @property
    def _flow(self) -> Flow:
        return self.initialization.flow

    @cached_property
    def _folded(self) -> frozenset[str]:
        layers = self.initialization.layers
        return frozenset(layer.node.name for layer in layers if layer.folded)

    @cached_property
    def _stored(self) -> StoredSignals:
        return StoredSignals(self.initialization)

    def _elements(self, name: str) -> float:
        return elements(self._flow.graph, name)


def _normal_input(node: Node, take: Callable[[int], Signal]) -> Signal:
    """Return the input of a normalization, which may be of any scale: also an unknown one."""
    try:
        return take(0)
    except Undetermined:
        return normal(node.output, 0, 1, (0, 0))
