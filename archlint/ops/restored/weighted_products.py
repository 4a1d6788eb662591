"""The products of a graph with weights, and how often each weight is used.

How often a weight is used tells whether products were merged. The exporter writes a product of the
same weight and the same tensor once, but products with different tensors separately: a weight that
several products use belongs to a module that was called several times. The weight may have been
transposed or cast for each of them: two weights are the same if equal operators made them of the
same stored tensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.restored.twins import PRODUCTS


class WeightedProducts(Struct, frozen=True, dict=True):
    """The products of `graph` with what was not computed."""

    graph: Graph

    def uses(self, node: Node) -> list[int]:
        """Return how many products use each weight of a node; none for what is no product."""
        return [self._uses[weight] for weight in self._weights(node)]

    def _weights(self, node: Node) -> list[Hashable]:
        """Return what a product multiplies with that was not computed."""
        if node.op not in PRODUCTS or self.computed.isdisjoint(node.outputs):
            return []
        names = (name for name in node.inputs if name and name not in self.computed)
        return [self._expressions.get(name, name) for name in names]

    @cached_property
    def _expressions(self) -> dict[str, int]:
        """A number for each way in which a tensor is made of weights: equal ones have the same."""
        found: dict[str, int] = {}
        numbers: dict[Hashable, int] = {}
        for node in self.graph.nodes:
            if not self.computed.isdisjoint(node.outputs) or node.output in self.graph.constants:
                continue
            attributes = tuple((key, str(value)) for key, value in node.attributes.items())
            read = tuple(found.get(name, name) for name in node.inputs)
            for slot, name in enumerate(node.outputs):
                expression = (node.op, attributes, read, slot)
                found[name] = numbers.setdefault(expression, len(numbers))
        return found

    @cached_property
    def _uses(self) -> Counter[Hashable]:
        return Counter(weight for node in self.graph.nodes for weight in self._weights(node))

    @cached_property
    def computed(self) -> frozenset[str]:
        """The tensors of numbers that products made, or that depend on an input of the network."""
        found = {*self.graph.inputs}
        for node in self.graph.nodes:
            if node.op in PRODUCTS or not found.isdisjoint(node.inputs):
                found.update(filter(None, node.outputs))
        values = self.graph.values
        return frozenset(
            name for name in found if (dtype := values[name].dtype) is not None and dtype.is_float
        )
