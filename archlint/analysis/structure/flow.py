"""Producers and consumers of a tensor, seen through operators that only move elements."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property

from msgspec import Struct, field

from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.structure.ends import Kind, Origin, Sink
from archlint.analysis.structure.sizes import without_size_arithmetic
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role, Shape
from archlint.ops.answers import Answers
from archlint.ops.denominators import denominators
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
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined

_NOWHERE = Sink(frozenset())
_SUMMING = (Sums, Recurs)
_PASSING = (Passes, Pools, Normalizes, LooksUp)
_SUMMING_AHEAD = (*_SUMMING, Attends)


@cache
def _ends_as(kind: Kind) -> Sink:
    return Sink(frozenset({kind}))


def _either(first: Sink, second: Sink) -> Sink:
    """Return the union of two sinks; usually one contains the other and is returned as it is."""
    joins = first.joins or second.joins
    if first.kinds >= second.kinds and joins is first.joins:
        return first
    if second.kinds >= first.kinds and joins is second.joins:
        return second
    return Sink(first.kinds | second.kinds, joins)


class _Effects(dict[str, "Effect | None"]):
    """The effects of the nodes that a signal may go through; those of others when asked for."""

    def __init__(self, flow: Flow) -> None:
        super().__init__({node.name: flow.effect(node) for node in flow.nodes})
        self._flow = flow

    def __missing__(self, name: str) -> Effect | None:
        return self._flow.effect(self._flow.graph.by_name[name])


class Flow(Struct, frozen=True, dict=True):
    """The origins and the sinks of all tensors of a graph, each found in one walk."""

    graph: Graph
    operators: Operators
    parameters: Parameters
    reasons: dict[str, str] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that a signal may go through: not those that only work out sizes."""
        return without_size_arithmetic(self.graph, self.operators)

    @cached_property
    def effects(self) -> Mapping[str, Effect | None]:
        """The effect of each node by its name; None where it is not known, for one of `reasons`."""
        return _Effects(self)

    def effect(self, node: Node) -> Effect | None:
        """Return the effect of one node, without a look at the others."""
        known, name = self._known, node.name
        if name in known:
            return known[name]
        found = known[name] = self._effect(node)
        return found

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self.operators)

    @cached_property
    def _known(self) -> dict[str, Effect | None]:
        return {}

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each node in the order of the graph."""
        return {node.name: place for place, node in enumerate(self.graph.nodes)}

    @cached_property
    def weighted(self) -> tuple[Node, ...]:
        """The nodes that a stored tensor goes into."""
        stored = self.parameters.origins.keys()
        return tuple([node for node in self.graph.nodes if not stored.isdisjoint(node.inputs)])

    @cached_property
    def origins(self) -> Mapping[str, Origin]:
        """What gave each tensor its scale."""
        origins: dict[str, Origin] = {}
        data, stored = Origin(Kind.DATA), Origin(Kind.STORED)
        for name, value in self.graph.values.items():
            if value.role is not Role.COMPUTED:
                origins[name] = data if value.role is Role.INPUT else stored
        for node in self.nodes:
            origin = self._origin(node, origins)
            for name in node.outputs:
                origins.setdefault(name, origin)
        return origins

    @cached_property
    def sinks(self) -> Mapping[str, Sink]:
        """What each tensor runs into."""
        sinks = dict.fromkeys(filter(None, self.graph.outputs), _ends_as(Kind.OUTPUT))
        for node in reversed(self.nodes):
            effect = self.effects[node.name]
            only = effect.slot if isinstance(effect, Passes) else None  # others lend a type or size
            if not self.operators.reads_contents(node):
                continue
            for slot, name in enumerate(node.inputs):
                if name and only in {None, slot}:
                    ahead = self._ahead(node, effect, slot, sinks)
                    here = sinks.get(name)
                    sinks[name] = ahead if here is None else _either(here, ahead)
        return sinks

    def _effect(self, node: Node) -> Effect | None:
        operator = self.operators.of(node)
        if operator is None or operator.signal is None:
            return None
        try:
            return self._answers.of(operator.signal, node, self.graph)
        except Undetermined as reason:
            self.reasons[node.name] = str(reason)
            return None
        except (IndexError, ValueError):
            return None  # a call that contradicts its operator is reported by shape inference

    def _origin(self, node: Node, origins: Mapping[str, Origin]) -> Origin:
        effect = self.effects[node.name]
        if isinstance(effect, Activates):
            return Origin(Kind.ACTIVATION, node, effect)
        if isinstance(effect, Normalizes) and effect.over is not Over.NEIGHBOURS:
            return Origin(Kind.NORMALIZATION, node)
        if isinstance(effect, _SUMMING):
            return Origin(Kind.SUM, node)
        if isinstance(effect, _PASSING):
            slot = effect.slot if isinstance(effect, Passes) else 0
            return origins.get(node.inputs[slot], _OTHER)
        return self._joined(node, effect, origins)

    def _joined(self, node: Node, effect: Effect | None, origins: Mapping[str, Origin]) -> Origin:
        if isinstance(effect, Joins):
            return _common([origins.get(name, _OTHER) for name in node.inputs if name])
        offset = self.offset(node)
        if offset is not None:
            return origins.get(node.inputs[1 - offset], _OTHER)
        return Origin(Kind.OTHER, node)

    def _ahead(
        self, node: Node, effect: Effect | None, slot: int, sinks: Mapping[str, Sink]
    ) -> Sink:
        """Return what an input of a node with this effect runs into there."""
        end = Kind.NORMALIZATION if (node.name, slot) in self._lengths else _end(effect)
        if end is not None:
            return _ends_as(end)
        if isinstance(effect, (Activates, Shares)):
            return self._squashed(node, effect, sinks)
        if isinstance(effect, _SUMMING_AHEAD):
            return self._summed(node, effect, slot, sinks)
        after = _NOWHERE
        for name in node.outputs:
            if name in sinks:
                after = _either(after, sinks[name])
        if isinstance(effect, Combines) and effect.operation is Operation.ADD:
            joins = after.joins or self.offset(node) != 1 - slot
            return after if joins is after.joins else Sink(after.kinds, joins)
        if effect is not None and not isinstance(effect, (Combines, Holds)):
            return after
        is_scaled = isinstance(effect, Combines) and self._is_scaled(node, slot)
        return after if is_scaled else _ends_as(Kind.OTHER)

    def _summed(
        self, node: Node, effect: Effect | None, slot: int, sinks: Mapping[str, Sink]
    ) -> Sink:
        """Return what a factor of a product runs into.

        A product with a weight carries on the scale of what it is given. So does one of queries and
        keys, which a softmax makes into shares: small scores are no loss of signal.
        """
        own = sinks.get(node.output, _NOWHERE)
        if isinstance(effect, Attends):
            return _ends_as(Kind.GATE if slot in {effect.query, effect.key} else Kind.SUM)
        scaled = own.is_normalized and self._is_scaled(node, slot)
        carries = isinstance(effect, Sums) and (own.opens_gate or scaled)
        return own if carries else _ends_as(Kind.SUM)

    def _squashed(self, node: Node, effect: Activates | Shares, sinks: Mapping[str, Sink]) -> Sink:
        """Return what the input of a function of each element runs into."""
        own = sinks.get(node.output, _NOWHERE)
        if own.is_final and _squashes(effect):
            return own  # what makes probabilities or pixels of outputs belongs to the last layer
        is_gate = isinstance(effect, Shares) or effect.is_gate
        return _ends_as(Kind.GATE if is_gate else Kind.ACTIVATION)

    @cached_property
    def _lengths(self) -> frozenset[tuple[str, int]]:
        """The nodes and slots in which a tensor is divided by its own length, and measured."""
        found: set[tuple[str, int]] = set()
        for each in denominators(self.graph):
            if each.divides_source:
                measure = each.square or each.reduction
                slots = range(len(measure.inputs))
                found.add((each.node.name, 0))
                found.update(
                    (measure.name, slot) for slot in slots if measure.inputs[slot] == each.source
                )
        return frozenset(found)

    @cached_property
    def attends(self) -> bool:
        """Whether positions are averaged with weights that are computed from them."""
        return any(
            isinstance(self.effects[node.name], Attends)
            or (isinstance(self.effects[node.name], Shares) and self._weighs(node))
            for node in self.nodes
        )

    def _weighs(self, node: Node) -> bool:
        """Whether the output of a softmax is multiplied with something else that is computed."""
        pending = [node.output]
        for name in pending:
            for user in self.graph.consumers.get(name, ()):
                effect = self.effects[user.name]
                if isinstance(effect, Sums):
                    if not any(self.is_stored(user.inputs[slot]) for slot in effect.factors):
                        return True
                elif isinstance(effect, Passes):
                    pending.append(user.output)
        return False

    def _is_scaled(self, node: Node, slot: int) -> bool:
        """Whether a tensor is only multiplied by what is the same for every input of the model.

        That is the scale of a layer, or the random numbers that leave out whole branches.
        """
        stored, dependent = self.stored, self.dependent
        for place, name in enumerate(node.inputs):
            if name and place != slot and name in dependent and name not in stored:
                return False
        return True

    @cached_property
    def dependent(self) -> frozenset[str]:
        """The tensors that depend on the inputs of the model; known sizes do not."""
        reached, constants = set(self.graph.inputs), self.graph.constants
        for node in self.graph.nodes:
            effect = self.effects.get(node.name)  # another input may lend its type alone
            read = (node.inputs[effect.slot],) if isinstance(effect, Passes) else node.inputs
            if not reached.isdisjoint(read):
                for name in node.outputs:
                    if name not in constants:
                        reached.add(name)
        return frozenset(reached)

    def maker(self, name: str) -> Node | None:
        """Return the node that computed a tensor, seen past those that only move its elements."""
        node = self.graph.producers.get(name)
        while node is not None and isinstance(effect := self.effect(node), Passes):
            node = self.graph.producers.get(node.inputs[effect.slot])
        return node

    def readers(self, name: str) -> list[Node]:
        """Return the nodes that read the numbers of a tensor, not only its size or its type."""
        return [
            user
            for user in self.graph.consumers.get(name, ())
            if self.operators.reads_contents(user)
            and not (
                isinstance(effect := self.effect(user), Passes) and user.inputs[effect.slot] != name
            )
        ]

    def offset(self, node: Node) -> int | None:
        """Return the slot of a stored tensor that an addition adds to a computed one."""
        effect = self.effect(node)
        is_sum = isinstance(effect, Combines) and effect.operation is Operation.ADD
        if not is_sum or len(node.inputs) != 2:
            return None
        stored = [self.is_stored(name) for name in node.inputs]
        return stored.index(True) if sum(stored) == 1 else None

    def offset_of(self, node: Node, effect: Sums) -> str | None:
        """Return the bias of a sum: its own, or the number a channel that the next node adds."""
        if effect.bias is not None:
            return node.inputs[effect.bias]
        for user in self.graph.consumers.get(node.output, ()):
            slot = self.offset(user)
            if slot is not None and _is_row(self.graph.values[user.inputs[slot]].shape):
                return user.inputs[slot]
        return None

    def is_stored(self, name: str) -> bool:
        """Whether a tensor comes from the file, whatever operators it passes through."""
        return name in self.stored

    @cached_property
    def stored(self) -> frozenset[str]:
        """The tensors that come from the file."""
        stored = (name for name, value in self.graph.values.items() if value.role is Role.STORED)
        return frozenset(stored).union(self.parameters.origins, self.graph.constants)


_OTHER = Origin(Kind.OTHER)


def _end(effect: Effect | None) -> Kind | None:
    """Return what a signal ends in at a node with this effect, if it does."""
    if isinstance(effect, Normalizes) and effect.over is not Over.NEIGHBOURS:
        return Kind.NORMALIZATION
    return (
        Kind.OUTPUT if isinstance(effect, MeasuresLoss) else None
    )  # a loss stands behind the model


def _squashes(effect: Activates | Shares) -> bool:
    """Whether what comes out is between -1 and 1, whatever goes in."""
    import numpy as np

    if isinstance(effect, Shares):
        return True
    with np.errstate(all="ignore"):
        ends = effect.function(np.array([-100.0, 100.0]))
    return bool((abs(ends) <= 1).all())


def _is_row(shape: Shape | None) -> bool:
    return shape is not None and len(shape) > 0 and all(dim == 1 for dim in shape[:-1])


def _common(origins: list[Origin]) -> Origin:
    """Return what several tensors come from, where that is the same kind of thing."""
    names = {(each.kind, each.activation.name if each.activation else "") for each in origins}
    return origins[0] if len(names) == 1 else _OTHER
