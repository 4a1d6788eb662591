"""How signals go through a graph: what each operator does to one, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property

from msgspec import Struct, field

from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.structure.ends import Origin, Sink
from archlint.analysis.structure.origins import origins
from archlint.analysis.structure.sinks import sinks
from archlint.analysis.structure.sizes import without_size_arithmetic
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role, Shape
from archlint.ops.answers import Answers
from archlint.ops.effect import (
    Attends,
    Combines,
    Effect,
    Operation,
    Passes,
    Shares,
    Sums,
)
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined


class Flow(Struct, frozen=True, dict=True):
    """The signals in a graph: their origins, their sinks, and the operators on the way.

    `reasons` says of nodes why their effect is not known.
    """

    graph: Graph
    operators: Operators
    parameters: Parameters
    reasons: dict[str, str] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that a signal may go through: not those that only compute sizes."""
        return without_size_arithmetic(self.graph, self.operators)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each node in the order of the graph."""
        return {node.name: place for place, node in enumerate(self.graph.nodes)}

    @cached_property
    def weighted(self) -> tuple[Node, ...]:
        """The nodes that read a stored tensor."""
        stored = self.parameters.origins.keys()
        return tuple([node for node in self.graph.nodes if not stored.isdisjoint(node.inputs)])

    @cached_property
    def effect(self) -> Callable[[Node], Effect | None]:
        """The effect of a node on a signal; None where it is not known."""
        return cache(self._effect)

    @cached_property
    def origins(self) -> Mapping[str, Origin]:
        """What gave each tensor its scale."""
        return origins(self)

    @cached_property
    def sinks(self) -> Mapping[str, Sink]:
        """What each tensor ends in."""
        return sinks(self)

    @cached_property
    def stored(self) -> frozenset[str]:
        """The tensors that come from the file."""
        stored = (name for name, value in self.graph.values.items() if value.role is Role.STORED)
        return frozenset(stored).union(self.parameters.origins, self.graph.constants)

    @cached_property
    def dependent(self) -> frozenset[str]:
        """The tensors that depend on the inputs of the model; known sizes do not."""
        reached, constants = set(self.graph.inputs), self.graph.constants
        carrying = set(self.nodes)
        for node in self.graph.nodes:
            effect = self.effect(node) if node in carrying else None
            # Another input may lend its type alone.
            read = (node.inputs[effect.slot],) if isinstance(effect, Passes) else node.inputs
            if not reached.isdisjoint(read):
                for name in node.outputs:
                    if name not in constants:
                        reached.add(name)
        return frozenset(reached)

    @cached_property
    def attends(self) -> bool:
        """Whether positions are averaged with weights that are computed from them."""
        effects = ((node, self.effect(node)) for node in self.nodes)
        return any(
            isinstance(effect, Attends) or (isinstance(effect, Shares) and self._weighs(node))
            for node, effect in effects
        )

    def is_stored(self, name: str) -> bool:
        """Whether a tensor comes from the file, whatever operators it passes through."""
        return name in self.stored

    def is_scaled(self, node: Node, slot: int) -> bool:
        """Whether an input is only multiplied by what is the same for every input of the model.

        That is the scale of a layer, or the random numbers that leave out whole branches.
        """
        stored, dependent = self.stored, self.dependent
        for place, name in enumerate(node.inputs):
            if name and place != slot and name in dependent and name not in stored:
                return False
        return True

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
        """Return the bias of a sum: its own, or what the next node adds to each channel."""
        if effect.bias is not None:
            return node.inputs[effect.bias]
        for user in self.graph.consumers.get(node.output, ()):
            slot = self.offset(user)
            if slot is not None and _is_row(self.graph.values[user.inputs[slot]].shape):
                return user.inputs[slot]
        return None

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

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self.operators)

    def _weighs(self, node: Node) -> bool:
        """Whether the output of a softmax is multiplied with something else that is computed."""
        pending = [node.output]
        for name in pending:
            for user in self.graph.consumers.get(name, ()):
                effect = self.effect(user)
                if isinstance(effect, Sums):
                    if not any(self.is_stored(user.inputs[slot]) for slot in effect.factors):
                        return True
                elif isinstance(effect, Passes):
                    pending.append(user.output)
        return False


def _is_row(shape: Shape | None) -> bool:
    return shape is not None and len(shape) > 0 and all(dim == 1 for dim in shape[:-1])
