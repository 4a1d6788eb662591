"""Attention masks that may exist only while a model is exported.

Libraries such as transformers pass no mask where nothing is padded, and let the kernel mask what is
to come; the kernel then also takes keys and values that are not repeated for all heads. During
export they cannot see that nothing is padded, and make the mask. The sign is a mask with a part for
each sample that is computed from sizes alone. Both forms are possible: attention without the mask
saves less, and is the lower bound.
"""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.composite.attention import FUSED_KERNELS
from archlint.ops.registry import Operators
from archlint.ops.restored.graph_edit import GraphEdit
from archlint.ops.restored.shared_heads import sharing_heads

_MASK = 3


class OptionalMasks(Struct, frozen=True, dict=True):
    """The masks that have a part for each sample, but are computed from sizes alone."""

    graph: Graph
    operators: Operators

    @property
    def without(self) -> Graph:
        """The graph with attention that reads no such mask."""
        edit = GraphEdit(self.graph)
        for node in self.graph.nodes:
            if node.name in self.users:
                edit.change(node, self._without_mask(node))
        return edit.edited()

    @cached_property
    def users(self) -> frozenset[str]:
        """The names of the nodes that read such a mask."""
        return frozenset(
            node.name
            for node in self.graph.nodes
            if node.op in FUSED_KERNELS and len(node.inputs) > _MASK and node.inputs[_MASK]
            if self._is_of_samples(node) and self._is_of_sizes(node.inputs[_MASK])
        )

    def _without_mask(self, node: Node) -> Node:
        shared = sharing_heads(node, self.graph)
        return replace(shared, inputs=(*shared.inputs[:_MASK], "", *shared.inputs[_MASK + 1 :]))

    def _is_of_samples(self, node: Node) -> bool:
        """Whether a mask has a part for each sample, and none for each head."""
        query, mask = (self.graph.values[node.inputs[slot]].shape or () for slot in (0, _MASK))
        return (*query[:1], 1) == mask[:2] and len(query) == len(mask)

    def _is_of_sizes(self, name: str) -> bool:
        """Whether a tensor is computed from sizes and constants, not from inputs or weights."""
        seen, todo = set[str](), [name]
        while todo:
            each = todo.pop()
            if each in seen or each in self.graph.constants:
                continue
            seen.add(each)
            maker = self.graph.producers.get(each)
            if maker is None:
                return False
            if self.operators.reads_contents(maker):
                todo.extend(filter(None, maker.inputs))
        return True
