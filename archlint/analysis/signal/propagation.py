"""Propagates the signal through a network at initialization, by mean-field theory.

Every float input is assumed to be standard normal, independent between positions. Sums of many
random products are normal (Neal 1996); the second moment q and the correlation of two inputs are
propagated from layer to layer by Gaussian integrals (Poole et al. 2016, eqs. 3 and 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from msgspec import Struct, field
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
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role
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


class Propagation(Struct, frozen=True, dict=True):
    """The signal in every tensor; unknown ones are omitted, with the reason.

    `training` means that batch normalizations use the statistics of the batch; in inference, fresh
    running statistics make them pass their input on.
    """

    initialization: Initialization
    training: bool = True
    reasons: dict[str, str] = field(default_factory=dict)

    @cached_property
    def flow(self) -> Flow:
        """What each operator does to the signal."""
        return self.initialization.flow

    @cached_property
    def graph(self) -> Graph:
        """The graph that the signal goes through."""
        return self.flow.graph

    @cached_property
    def signals(self) -> Mapping[str, Signal]:
        """The signal of each tensor for which it is known."""
        import numpy as np

        signals: dict[str, Signal] = {}
        for name in self.graph.inputs:
            dtype = self.graph.values[name].dtype
            if dtype is not None and dtype.is_float:
                signals[name] = normal(name, 0, 1, (0, 0))
        with np.errstate(all="ignore"):  # a function may have poles in the tail of its input
            for node in filter(self._carries_signal, self.flow.nodes):
                self._add(node, signals)
        return signals

    def _add(self, node: Node, signals: dict[str, Signal]) -> None:
        """Add the signals of the outputs of a node, or the reason why they are not known."""
        effect = self.flow.effect(node)
        try:
            made = self._made(node, effect, signals)
        except Undetermined as reason:
            self.reasons[node.name] = str(reason)
            return
        for name in self._alike(node, effect):
            signals[name] = made

    def _alike(self, node: Node, effect: Effect | None) -> tuple[str, ...]:
        """Return the outputs to which an effect applies: no statistics, masks and inner states."""
        if len(node.outputs) == 1:  # as of most nodes: it carries a signal
            return node.outputs
        if isinstance(effect, Passes):
            values = self.graph.values
            names = (name for name in node.outputs if name)
            return tuple(n for n in names if (t := values[n].dtype) is None or t.is_float)
        last = 2 if isinstance(effect, Recurs) else 1
        return tuple(name for name in node.outputs[:last] if name)

    @cached_property
    def carriers(self) -> frozenset[str]:
        """The tensors that depend on an input of the model and are not constant."""
        fixed = {name for name, signal in self.signals.items() if not signal.root}
        return self._dependent - fixed

    @cached_property
    def _dependent(self) -> frozenset[str]:
        reached = set(self.graph.inputs)
        for node in self.graph.nodes:
            if not reached.isdisjoint(node.inputs):
                reached.update(node.outputs)
        return frozenset(reached)

    def _carries_signal(self, node: Node) -> bool:
        """Whether the output of a node differs between runs, unlike shapes and constants."""
        graph, output = self.graph, node.output
        value = graph.values.get(output)
        if value is None or output in graph.constants or value.role is Role.STORED:
            return False
        return value.dtype is None or value.dtype.is_float

    @cached_property
    def _folded(self) -> frozenset[str]:
        layers = self.initialization.layers
        return frozenset(layer.node.name for layer in layers if layer.folded)

    @cached_property
    def _stored(self) -> StoredSignals:
        return StoredSignals(self.initialization)

    def weight(self, node: Node, slot: int) -> Signal | None:
        """Return the signal of a stored tensor, which is drawn once and the same for all inputs."""
        return self._stored.of(node.inputs[slot])

    def operand(self, node: Node, slot: int, signals: Mapping[str, Signal]) -> Signal:
        """Return the signal of an input of a node; raises Undetermined."""
        if slot >= len(node.inputs) or not node.inputs[slot]:
            raise Undetermined(f"input {slot} is missing")
        name = node.inputs[slot]
        if name in signals:
            return signals[name]
        found = self.weight(node, slot)
        if found is None:
            raise Undetermined(f"the initial distribution of {name!r} is not known")
        return found

    def _made(self, node: Node, effect: Effect | None, signals: Mapping[str, Signal]) -> Signal:
        averaged = _averaged_slot(effect)
        if self._is_empty(node.output) or (
            averaged is not None and self._is_empty(node.inputs[averaged])
        ):
            raise Undetermined("a tensor without elements has no moments")
        if effect is None:
            general = f"what {node.op} does to a signal is not known"
            raise Undetermined(self.flow.reasons.get(node.name, general))
        made = self._map(node, effect, signals)
        if not made.is_finite:
            raise Undetermined("the second moment is too large to represent")
        return made

    def _map(  # noqa: C901, PLR0911, PLR0912 - a line for each kind of effect
        self, node: Node, effect: Effect, signals: Mapping[str, Signal]
    ) -> Signal:
        def take(slot: int) -> Signal:
            return self.operand(node, slot, signals)

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
                return made if node.output in self._dependent else bounded(made)
            case Combines():
                return self._combined(node, effect, [take(slot) for slot in effect.slots])
            case Joins():
                sizes = [self.elements(node.inputs[slot]) for slot in effect.slots]
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
                if not self.flow.is_stored(node.inputs[effect.slot]):
                    return source.renamed(node.output)
                picked = source.independent(node.output)  # some of the rows, at random
                return replace(picked, width=self.elements(node.output) / self._batch(node))
            case Recurs():
                parts = [self.weight(node, slot) for slot, _ in effect.fans]
                offset = self.weight(node, 3) if len(node.inputs) > 3 and node.inputs[3] else None
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
        flow = self.flow
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
        places = self.elements(node.output) / effect.fan.outputs / self._batch(node)
        return effect.fan.outputs, max(places, 1)

    def _batch(self, node: Node) -> int:
        batch = (self.graph.values[node.output].shape or (1,))[0]
        return batch if isinstance(batch, int) and batch > 0 else 1

    def _is_empty(self, name: str) -> bool:
        return 0 in (self.graph.values[name].shape or ())

    def elements(self, name: str) -> float:
        """Return the number of elements of a tensor, counting an axis of unknown length as one."""
        return elements(self.graph, name)


def _averaged_slot(effect: Effect | None) -> int | None:
    """Return the input over which an effect averages, so that it must not be empty."""
    match effect:
        case Pools() | Shares():
            return 0
        case Attends():
            return effect.value
    return None


def _normal_input(node: Node, take: Callable[[int], Signal]) -> Signal:
    """Return the input of a normalization, which may be of any scale: also an unknown one."""
    try:
        return take(0)
    except Undetermined:
        return normal(node.output, 0, 1, (0, 0))
