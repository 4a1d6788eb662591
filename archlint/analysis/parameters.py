"""Which stored tensors are parameters, which are running statistics, and which are constants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role, Value
from archlint.ops.operator import Operator
from archlint.ops.registry import Operators

# What architecture YAML declares of a weight.
_FROZEN, _BUFFER, _INITIALIZER = "archlint.frozen", "archlint.buffer", "archlint.initializer"


@dataclass(frozen=True, slots=True)
class Use:
    """Where a stored tensor ends up: the node and the input slot."""

    node: Node
    slot: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tensor that training changes, or a buffer that it carries along.

    `uses` are the operators that it ends up in, whatever it passes on the way.
    """

    value: Value
    uses: tuple[Use, ...]
    trained: bool = True


@dataclass(frozen=True)
class Parameters:
    """The stored tensors of a graph by their part in training; tied weights count once."""

    graph: Graph
    operators: Operators

    @cached_property
    def trainable(self) -> dict[str, Parameter]:
        """The parameters by name, frozen ones too."""
        return {name: entry for name, (kind, entry) in self._sorted.items() if kind == "parameter"}

    @cached_property
    def buffers(self) -> dict[str, Parameter]:
        """The running statistics by name."""
        return {name: entry for name, (kind, entry) in self._sorted.items() if kind == "buffer"}

    @cached_property
    def origins(self) -> dict[str, str]:
        """The stored tensor behind every name that leads to one, itself included."""
        return {name: root for root, names in self._aliases.items() for name in names}

    @property
    def count(self) -> int:
        """The number of parameters."""
        return sum(entry.value.elements or 0 for entry in self.trainable.values())

    @property
    def nbytes(self) -> int:
        """The bytes of the parameters as stored."""
        return sum(entry.value.nbytes or 0 for entry in self.trainable.values())

    @property
    def buffer_count(self) -> int:
        """The number of values in the running statistics."""
        return sum(entry.value.elements or 0 for entry in self.buffers.values())

    @property
    def buffer_bytes(self) -> int:
        """The bytes of the running statistics."""
        return sum(entry.value.nbytes or 0 for entry in self.buffers.values())

    @cached_property
    def of_node(self) -> dict[str, int]:
        """How many parameters each node brings in, by node name; a tied one with its first user."""
        counts: dict[str, int] = {}
        for entry in self.trainable.values():
            first = entry.uses[0].node.name
            counts[first] = counts.get(first, 0) + (entry.value.elements or 0)
        return counts

    @cached_property
    def _aliases(self) -> dict[str, tuple[str, ...]]:
        """For every root, the names that stand for it on the way to its uses."""
        aliases: dict[str, tuple[str, ...]] = {}
        for root in self._roots:
            names = [root]
            for name in names:
                users = self.graph.consumers.get(name, ())
                names.extend(user.output for user in users if self._carries(user, name))
            aliases[root] = tuple(names)
        return aliases

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        stored = [name for name, value in self.graph.values.items() if value.role is Role.STORED]
        made = [
            node.output
            for node in self.graph.nodes
            if self._creates(node) and self.graph.values[node.output].role is not Role.STORED
        ]
        return (*stored, *made)

    @cached_property
    def _sorted(self) -> dict[str, tuple[str, Parameter]]:
        result = {}
        for root in self._roots:
            value = self.graph.values[root]
            uses = self._uses(root)
            kind = self._kind(value, uses)
            if kind:
                result[root] = (kind, Parameter(value, uses, self._is_trained(root)))
        return result

    def _carries(self, node: Node, name: str) -> bool:
        operator = self.operators.of(node)
        return operator is not None and operator.carries_weight and node.inputs[0] == name

    def _creates(self, node: Node) -> bool:
        operator = self.operators.of(node)
        return operator is not None and operator.creates_weight

    def _uses(self, root: str) -> tuple[Use, ...]:
        return tuple(
            Use(user, slot)
            for name in self._aliases[root]
            for user in self.graph.consumers.get(name, ())
            if not self._carries(user, name)
            for slot, used in enumerate(user.inputs)
            if used == name
        )

    def _kind(self, value: Value, uses: tuple[Use, ...]) -> str:
        """Return "parameter", "buffer" or "" for a tensor that is neither."""
        weight = self.graph.weights.get(value.name)
        if weight is not None and _BUFFER in weight.metadata:
            return "buffer"
        if weight is not None and _INITIALIZER in weight.metadata:
            return "parameter"
        kinds = {self._role(value, use) for use in uses}
        if "parameter" in kinds:
            return "parameter"
        return "buffer" if "buffer" in kinds else ""

    def _role(self, value: Value, use: Use) -> str:
        operator = self.operators.of(use.node)
        if operator is None or value.dtype is None:
            return ""
        if use.slot in operator.buffers:
            return "buffer"
        if use.slot not in operator.weights:
            return ""
        return "parameter" if _can_learn(value, operator) else ""

    def _is_trained(self, root: str) -> bool:
        weight = self.graph.weights.get(root)
        return weight is None or weight.metadata.get(_FROZEN) != "true"


def _can_learn(value: Value, operator: Operator) -> bool:
    """Whether a tensor in a weight slot is a parameter and not a constant of a formula."""
    if operator.scalars_are_constants:
        is_number = value.elements is not None and value.elements <= 1
        return value.dtype is not None and value.dtype.is_float and not is_number
    return value.dtype is not None and (value.dtype.is_float or value.dtype.bits <= 8)
