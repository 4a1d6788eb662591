"""One pass over the nodes of a graph: plain objects, folded constants, and the missing shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from archlint.graph.attributes import plain
from archlint.graph.constant import add_constant
from archlint.graph.folding.fold import fold
from archlint.graph.graph import Graph
from archlint.graph.invalid import InvalidGraph
from archlint.graph.names import Names
from archlint.graph.node import Attribute, Node
from archlint.graph.refine import compare, refine
from archlint.graph.scope import Scope
from archlint.graph.stored import add_stored, entries

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from archlint.graph.context import Context

_NO_METADATA: Mapping[str, str] = MappingProxyType({})
_DEEPEST = 64
"""Graphs in graphs after which a model is refused; onnx itself stops at about 33."""


class Unsorted(Exception):  # noqa: N818 - a signal to sort and start again
    """Raised when a node uses a tensor that no node before it makes."""


class GraphReader:
    """Reads one graph of a model, and the graphs inside its nodes.

    `scope` holds the inputs of the graph, and in the end all its tensors.
    """

    def __init__(self, proto: GraphProto, scope: Scope, context: Context, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise InvalidGraph(f"graphs are nested more than {_DEEPEST} deep")
        self._proto = proto
        self._scope = scope
        self._context = context
        self._depth = depth
        self._names = Names()
        self._inferred = dict(_types(proto))

    def read(
        self, metadata: Mapping[str, str] = _NO_METADATA, unused_bindings: tuple[str, ...] = ()
    ) -> Graph:
        """Return the graph as plain objects."""
        scope, proto = self._scope, self._proto
        inputs = tuple(scope.values)
        add_stored(proto, scope)
        nodes = [self._node(node) for node in proto.node]
        outputs = tuple(info.name for info in proto.output)
        for name in outputs:
            if not scope.find(name):
                raise InvalidGraph(f"output {name!r} is made by nothing")
        return Graph(
            name=proto.name,
            opset=self._context.inference.opset,
            inputs=inputs,
            outputs=outputs,
            nodes=tuple(nodes),
            values=scope.values,
            weights=scope.weights,
            constants=scope.constants,
            metadata=metadata,
            unknown=scope.unknown,
            conflicts=tuple(scope.conflicts),
            unused_bindings=unused_bindings,
            captures=tuple(scope.captures),
        )

    def _node(self, proto: NodeProto) -> Node:
        """Read one node: its plain form, its outputs, and their contents where they are small."""
        scope, context = self._scope, self._context
        if context.rebatch is not None:
            proto = context.rebatch.mend(proto, scope)
        node = self._plain(proto)
        for name in node.outputs:
            if name:
                raw = self._inferred.get(name)
                described = None if raw is None else context.types.read(raw)
                scope.compute(name, raw, described)
        if not scope.open.isdisjoint(node.outputs):
            refine(node, proto, scope, context)
        if context.rebatch is not None:
            context.rebatch.check(node, scope)
        elif self._depth == 0 and context.declared:
            compare(node.outputs, scope, context)
        if node.domain:
            return node
        if node.op == "Constant":
            add_constant(node, proto, scope)
        else:
            fold(node, scope, context.inference.opset)
        return node

    def _plain(self, proto: NodeProto) -> Node:
        """Return a node as plain data; its inputs must be known, and its outputs new."""
        scope = self._scope
        values = scope.values
        inputs, outputs = tuple(proto.input[:]), tuple(proto.output[:])
        for name in inputs:
            if name not in values and name and not scope.find(name):
                raise Unsorted
        label = self._names.unique(proto.name or next(filter(None, outputs), proto.op_type))
        for name in outputs:
            if name in values and name not in scope.captures:
                raise InvalidGraph(f"tensor {name!r} is made twice", label)
        domain = proto.domain
        return Node(
            label,
            proto.op_type,
            "" if domain == "ai.onnx" else domain,
            inputs,
            outputs,
            self._attributes(proto),
            entries(proto.metadata_props[:]),
        )

    def _attributes(self, proto: NodeProto) -> Mapping[str, Attribute]:
        attributes = {}
        for attribute in proto.attribute[:]:
            value = plain(attribute, self._nested)
            if value is not None:
                attributes[attribute.name] = value
        return attributes

    def _nested(self, body: GraphProto) -> Graph:
        """Read a graph inside a node."""
        inner = Scope(outer=self._scope)
        for info in body.input:
            inner.give(info.name, self._context.types.read(info.type.SerializeToString()))
        return GraphReader(body, inner, self._context, self._depth + 1).read()


def _types(proto: GraphProto) -> Iterator[tuple[str, bytes]]:
    """Yield the serialized type of each tensor that the graph makes."""
    for info in proto.value_info:
        yield info.name, info.type.SerializeToString()
    for info in proto.output:
        yield info.name, info.type.SerializeToString()
