"""Operands of one call that torch.export's optimizer merged.

`torch.stack` is several nodes in the file: each tensor gets a new axis, then all are concatenated.
Where the stacked tensors are results of equal calls, as in Monte Carlo dropout, one node makes the
new axis for all of them. Each operand gets the node for itself again, so that what the call names
can be paired with what its nodes read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import ExportedCall, exported_calls
from archlint.graph.program.replaced_tensors import REGROUPING
from archlint.ops.restored.graph_edit import GraphEdit


def with_own_operands(graph: Graph) -> Graph:
    """Return `graph` with nodes of its own for each operand of a call that names several."""
    return _Operands(graph, GraphEdit(graph)).apart()


class _Operands(Struct, eq=False, dict=True):
    graph: Graph
    edit: GraphEdit

    def apart(self) -> Graph:
        for call in exported_calls(self.graph):
            if len(call.nodes) > 1 and any(name not in self._known for name in call.tensors):
                for node, slot, maker in self._repeated(call):
                    self._separate(node, slot, maker, f"{call.name}.{slot}")
        return self.edit.edited()

    def _repeated(self, call: ExportedCall) -> Iterator[tuple[Node, int, Node]]:
        """Yield each slot of a node that reads what an earlier one reads, with its maker."""
        made_by = {node.output: node for node in call.nodes if node.op in REGROUPING}
        for node in call.nodes:
            for slot, name in enumerate(node.inputs):
                if name in made_by and name in node.inputs[:slot]:
                    yield node, slot, made_by[name]

    def _separate(self, node: Node, slot: int, maker: Node, tag: str) -> None:
        name = f"{maker.output}#{tag}"
        self.edit.copy(maker, {maker.output: name}, node, tag, maker.metadata)
        self.edit.read_at(node, (slot,), name)

    @cached_property
    def _known(self) -> frozenset[str]:
        """The names of all tensors, and of the calls in the file."""
        calls = (call.name for call in exported_calls(self.graph))
        return frozenset((*self.graph.values, *calls))
