"""Calls whose input shapes contradict their operator."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.inference.standard import Objection
from archlint.graph.node import Node
from archlint.graph.program.left_out import LACKS_PROJECTION, lacks_projection
from archlint.ops.call import Call
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined

_NO_TYPE = "type=0"
"""What onnx says where it needs a type that a call before left open, which is no fault here."""


class Misfit(Struct, frozen=True):
    """A call that contradicts its operator, and why.

    `is_certain` where no runtime accepts it; about types, some are laxer than onnx. One that
    `is_another` may run, and is not what the program called.
    """

    node: Node
    reason: str
    is_certain: bool = True
    is_another: bool = False


class Misfits(Struct, frozen=True, dict=True):
    """The calls that contradict their operator.

    They are those that onnx's inference rejects, those with inconsistent channels, which it
    accepts, and those that the exporter could not write.
    """

    graph: Graph
    operators: Operators

    @cached_property
    def all(self) -> tuple[Misfit, ...]:
        """All of them, in the order of the graph."""
        found = (self._look(node) for node in self.graph.nodes)
        return tuple(misfit for misfit in found if misfit is not None)

    def _look(self, node: Node) -> Misfit | None:
        if lacks_projection(node):
            return Misfit(node, LACKS_PROJECTION, is_another=True)
        refused = self.graph.refusals.get(node.output)
        if refused is not None and _NO_TYPE in refused and self._is_open(node):
            return None
        if refused is not None:
            return Misfit(node, refused, is_certain=not isinstance(refused, Objection))
        reason = self._channels(node)
        return None if reason is None else Misfit(node, reason)

    def _is_open(self, node: Node) -> bool:
        """Whether the type of an input is not known, as behind a call that contradicts itself."""
        return any(self.graph.values[name].dtype is None for name in node.inputs if name)

    def _channels(self, node: Node) -> str | None:
        operator = self.operators.of(node)
        if operator is None or operator.misfit is None:
            return None
        try:
            return operator.misfit(Call(node, self.graph))
        except Undetermined:
            return None
