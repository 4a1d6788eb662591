"""Propagates the signal through a network at initialization, by mean-field theory.

Every float input is assumed to be standard normal, independent between positions. Sums of many
random products are normal (Neal 1996); the second moment q and the correlation of two inputs are
propagated from layer to layer by Gaussian integrals (Poole et al. 2016, eqs. 3 and 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct, field

from archlint.analysis.initialization.initialization import Initialization
from archlint.analysis.signal.signal import Signal, normal
from archlint.analysis.signal.stored_signals import StoredSignals, elements
from archlint.analysis.signal.transfer import Transfer
from archlint.analysis.structure.flow import Flow
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role
from archlint.ops.effect import (
    Attends,
    Effect,
    Passes,
    Pools,
    Recurs,
    Shares,
)
from archlint.ops.undetermined import Undetermined


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
            transfer = Transfer(self.initialization, self.training, self._dependent, signals)
            for node in filter(self._carries_signal, self.flow.nodes):
                self._add(node, transfer, signals)
        return signals

    def _add(self, node: Node, transfer: Transfer, signals: dict[str, Signal]) -> None:
        """Add the signals of the outputs of a node, or the reason why they are not known."""
        effect = self.flow.effect(node)
        try:
            made = self._made(node, effect, transfer)
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
    def _stored(self) -> StoredSignals:
        return StoredSignals(self.initialization)

    def weight(self, node: Node, slot: int) -> Signal | None:
        """Return the signal of a stored tensor, which is drawn once and the same for all inputs."""
        return self._stored.of(node.inputs[slot])

    def _made(self, node: Node, effect: Effect | None, transfer: Transfer) -> Signal:
        averaged = _averaged_slot(effect)
        if self._is_empty(node.output) or (
            averaged is not None and self._is_empty(node.inputs[averaged])
        ):
            raise Undetermined("a tensor without elements has no moments")
        if effect is None:
            general = f"what {node.op} does to a signal is not known"
            raise Undetermined(self.flow.reasons.get(node.name, general))
        made = transfer.of(node, effect)
        if not made.is_finite:
            raise Undetermined("the second moment is too large to represent")
        return made

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
