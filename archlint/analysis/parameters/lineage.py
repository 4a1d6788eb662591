"""Which tensors are computed from stored tensors alone, and where stored tensors are used."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.frames import is_cloned
from archlint.graph.value import Role
from archlint.ops.registry import Operators
from archlint.ops.weight_origin import WeightOrigin


class Use(Struct, frozen=True):
    """The use of a stored tensor: the node and the input slot.

    For a use in a nested graph of `node`, `inner` is the node there, and `slot` is its slot.
    """

    node: Node
    slot: int
    inner: Node | None = None

    @property
    def reader(self) -> Node:
        """The operator that reads the tensor."""
        return self.inner or self.node


class Lineage(Struct, frozen=True, dict=True):
    """How the stored tensors of a graph are transformed before they are combined with data.

    Exporters slice, concatenate, transpose and scale weights before the operator that uses them: an
    LSTM's gates are reordered, a learned token is repeated for every sample. `captured` are
    data-independent tensors that a nested graph captures.
    """

    graph: Graph
    operators: Operators
    captured: tuple[str, ...] = ()

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The names of the stored tensors, and of tensors that are equivalent to one."""
        stored = [name for name, value in self.graph.values.items() if value.role is Role.STORED]
        made = [
            node.output
            for node in self.graph.nodes
            if self._creates(node) and self.graph.values[node.output].role is not Role.STORED
        ]
        outside = (name for name in self.captured if name not in stored)
        return (*stored, *made, *outside)

    @cached_property
    def same(self) -> dict[str, str]:
        """The stored tensor behind a name: itself, transposed, cast or reshaped.

        A clone counts as another tensor.
        """
        same = {root: root for root in self.roots}
        operator_of = self.operators.of
        for node in self.graph.nodes:
            if not node.inputs or node.inputs[0] not in same:
                continue
            operator = operator_of(node)
            if (
                operator is not None
                and operator.origin is WeightOrigin.SAME
                and not is_cloned(node)
            ):
                same[node.output] = same[node.inputs[0]]
        return same

    @cached_property
    def made_of(self) -> dict[str, tuple[str, ...]]:
        """The stored tensors that each data-independent tensor was computed from."""
        made_of: dict[str, tuple[str, ...]] = {root: (root,) for root in self.roots}
        constants, operator_of = self.graph.constants, self.operators.of
        known = made_of.keys()
        for node in self.graph.nodes:
            if known.isdisjoint(node.inputs):
                continue
            operator = operator_of(node)
            if operator is None or not operator.differentiable:
                continue
            if operator.origin is WeightOrigin.SAME:
                data = [node.inputs[0]]
            else:  # what scales a weight stands beside it; known numbers are not made of weights
                data = [
                    name
                    for name in node.inputs
                    if name
                    and not (name in constants and (name not in made_of or self._is_number(name)))
                ]
            if data and all(name in made_of for name in data):
                origins = tuple(dict.fromkeys(root for name in data for root in made_of[name]))
                made_of.update((name, origins) for name in node.outputs if name)
        return made_of

    @cached_property
    def uses(self) -> dict[str, tuple[Use, ...]]:
        """For every stored tensor, the operators that combine it with data or make it an output."""
        uses: dict[str, list[Use]] = {root: [] for root in self.roots}
        nested, known = self.graph.inner, self.made_of.keys()
        ends = set(self.graph.outputs)
        for node in self.graph.nodes:
            if known.isdisjoint(node.inputs) and node.name not in nested:
                continue
            if node.output and node.output in known and node.output not in ends:
                continue  # it only prepares a weight
            for name, use in self._reads(node):
                for root in self.made_of.get(name, ()):
                    if root != node.output:
                        uses[root].append(use)
        return {root: tuple(found) for root, found in uses.items()}

    def _reads(self, node: Node) -> Iterator[tuple[str, Use]]:
        """Yield the stored tensors that a node reads, itself or in nested graphs."""
        for slot, name in enumerate(node.inputs):
            if name in self.made_of:  # most are not
                yield name, Use(node, slot)
        for name, inner in self._inner_uses(node):
            yield name, Use(node, inner.slot, inner.reader)

    @cached_property
    def inside(self) -> dict[Graph, Lineage]:
        """The lineage of nested graphs, which capture tensors of the outer graph."""
        return {
            graph: Lineage(graph, self.operators, self._without_data(graph.captures))
            for graphs in self.graph.inner.values()
            for graph in graphs
        }

    def _without_data(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.made_of)

    def _inner_uses(self, node: Node) -> Iterator[tuple[str, Use]]:
        """Yield the captured tensors that an operator of a nested graph of `node` uses."""
        for graph in self.graph.inner.get(node.name, ()):
            uses = self.inside[graph].uses
            for name in graph.captures:
                for use in uses.get(name, ()):
                    yield name, use

    def _is_number(self, name: str) -> bool:
        """Whether a tensor whose contents are known is an index, a size or a scalar."""
        value = self.graph.values[name]
        is_float = value.dtype is not None and value.dtype.is_float
        return not (is_float and (value.elements or 0) > 1)

    def _creates(self, node: Node) -> bool:
        operator = self.operators.of(node)
        if operator is None:
            return False
        # Other exporters keep small weights in literals; PyTorch's hold numbers of formulas.
        holds = operator.origin is WeightOrigin.LITERAL and not self.graph.is_from_pytorch
        if not holds and operator.origin is not WeightOrigin.CREATED:
            return False
        dtype = self.graph.values[node.output].dtype
        return dtype is not None and (dtype.is_float or dtype.bits <= 8)
