"""The products of a graph with weights, and how often each weight is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import cached_property

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.restored.twins import PRODUCTS
from archlint.record import record


@record(slots=False)
class WeightedProducts:
    """The products of `graph` with what was not computed."""

    graph: Graph

    def uses(self, node: Node) -> list[int]:
        """Return how many products use each weight of a node; none for what is no product."""
        return [self._uses[weight] for weight in self._weights(node)]

    def _weights(self, node: Node) -> list[Hashable]:
        """Return what a product multiplies with that was not computed."""
        if node.op not in PRODUCTS or self.computed.isdisjoint(node.outputs):
            return []
        return [
            self._expression(name) for name in node.inputs if name and name not in self.computed
        ]

    def _expression(self, name: str) -> Hashable:
        """Return how a tensor is made of weights, so that equal ones are equal."""
        maker = self.graph.producers.get(name)
        if maker is None or name in self.graph.constants:
            return name
        attributes = tuple((key, str(value)) for key, value in maker.attributes.items())
        return (maker.op, attributes, *map(self._expression, maker.inputs))

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
