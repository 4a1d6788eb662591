"""The parameters, buffers and constants of a model, with their counts and bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.parameters.lineage import Lineage, Use
from archlint.analysis.parameters.stored_role import StoredRole, StoredRoles
from archlint.frontends.properties import ADAPTER, FROZEN
from archlint.graph.graph import Graph
from archlint.graph.value import Value
from archlint.ops.registry import Operators


class Parameter(Struct, frozen=True):
    """A tensor that training updates, or a buffer.

    `uses` are the operators that use it, after any transformations.
    """

    value: Value
    uses: tuple[Use, ...]
    trained: bool = True


class Parameters(Struct, frozen=True, dict=True):
    """The stored tensors of a graph by their role in training; tied weights count once.

    `count`, `nbytes` and the like cover the whole model, including nested graphs: both branches of
    an If, and the body of a loop once.

    The size of every entry is known: a file with stored tensors of unknown size is rejected, and
    tensors created with an open size are not parameters. With `only_adapters`, nothing else is
    trained. `is_restored` means that changes by an export for inference have been undone.
    """

    graph: Graph
    operators: Operators
    only_adapters: bool = False
    is_restored: bool = False

    @cached_property
    def trainable(self) -> dict[str, Parameter]:
        """The parameters of this graph by name, frozen ones too."""
        return self._of(StoredRole.PARAMETER)

    @cached_property
    def buffers(self) -> dict[str, Parameter]:
        """The running statistics and other buffers of this graph, by name."""
        return self._of(StoredRole.BUFFER)

    @cached_property
    def every(self) -> tuple[Parameter, ...]:
        """All parameters, including those of nested graphs."""
        inner = self._inner(lambda parameters: parameters.every)
        return (*self.trainable.values(), *inner)

    @cached_property
    def every_buffer(self) -> tuple[Parameter, ...]:
        """All buffers, including those of nested graphs."""
        inner = self._inner(lambda parameters: parameters.every_buffer)
        return (*self.buffers.values(), *inner)

    @cached_property
    def inside(self) -> dict[Graph, Parameters]:
        """The parameters of nested graphs."""
        return {
            graph: Parameters(graph, self.operators, self.only_adapters, self.is_restored)
            for graph in self.lineage.inside
        }

    @property
    def origins(self) -> dict[str, str]:
        """The stored tensor behind every name that refers to one, including its own."""
        return self.lineage.same

    @cached_property
    def lineage(self) -> Lineage:
        """How the stored tensors are transformed and used."""
        return Lineage(self.graph, self.operators)

    @property
    def count(self) -> int:
        """The number of parameters."""
        return sum(entry.value.elements or 0 for entry in self.every)

    @property
    def nbytes(self) -> int:
        """The bytes of the parameters as stored."""
        return sum(entry.value.nbytes or 0 for entry in self.every)

    @property
    def buffer_count(self) -> int:
        """The number of values in the running statistics."""
        return sum(entry.value.elements or 0 for entry in self.every_buffer)

    @property
    def buffer_bytes(self) -> int:
        """The bytes of the running statistics."""
        return sum(entry.value.nbytes or 0 for entry in self.every_buffer)

    @cached_property
    def of_node(self) -> dict[str, int]:
        """The number of parameters of each node, by name; a tied one counts with its first user.

        What reads only the shape of a parameter is no user.
        """
        counts: dict[str, int] = {}
        reads = self.lineage.operators.reads_contents
        for entry in self.every:
            users = [use.node for use in entry.uses]
            first = next(filter(reads, users), users[0] if users else None)
            if first is not None:
                counts[first.name] = counts.get(first.name, 0) + (entry.value.elements or 0)
        return counts

    @cached_property
    def _roles(self) -> dict[str, StoredRole]:
        roles = StoredRoles(self.lineage, self.is_restored)
        return {root: roles.of(root) for root in self.lineage.roots}

    def _of(self, role: StoredRole) -> dict[str, Parameter]:
        return {
            root: Parameter(
                self.graph.values[root], self.lineage.uses[root], self._is_trained(root)
            )
            for root, own in self._roles.items()
            if own is role and root not in self._captured
        }

    @cached_property
    def _captured(self) -> frozenset[str]:
        """The stored tensors that belong to an outer graph."""
        return frozenset(self.graph.captures)

    def _inner(self, entries: Callable[[Parameters], tuple[Parameter, ...]]) -> Iterator[Parameter]:
        """Yield entries of nested graphs, as uses of the nodes that contain them."""
        for name, graphs in self.graph.inner.items():
            node = self.graph.by_name[name]
            for graph in graphs:
                for entry in entries(self.inside[graph]):
                    uses = tuple(Use(node, use.slot, use.reader) for use in entry.uses)
                    yield replace(entry, uses=uses)

    def _is_trained(self, root: str) -> bool:
        weight = self.graph.weights.get(root)
        if self.only_adapters:
            return weight is not None and ADAPTER in weight.metadata
        return weight is None or weight.metadata.get(FROZEN) != "true"
