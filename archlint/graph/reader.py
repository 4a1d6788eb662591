"""One pass over the nodes of a graph: plain objects, folded constants, and the missing shapes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from archlint.graph import tensor
from archlint.graph.attributes import plain
from archlint.graph.conflict import Conflict
from archlint.graph.constant import add_constant
from archlint.graph.folding.fold import fold
from archlint.graph.graph import Graph
from archlint.graph.invalid import InvalidGraph
from archlint.graph.names import Names
from archlint.graph.node import Attribute, Node
from archlint.graph.scope import Scope
from archlint.graph.typeproto import read
from archlint.graph.value import Provenance, Role, Value
from archlint.graph.weight import Weight

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto, TypeProto

    from archlint.graph.inference import NodeInference

_NO_ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType({})
_NO_METADATA: Mapping[str, str] = MappingProxyType({})
_DEEPEST = 64
"""Graphs in graphs after which a model is refused; onnx itself stops at about 33."""


class Unsorted(Exception):  # noqa: N818 - a signal to sort and start again
    """Raised when a node uses a tensor that no node before it makes."""


class GraphReader:
    """Reads the graph of one model, and the graphs inside its nodes."""

    def __init__(
        self,
        inference: NodeInference,
        declared: Mapping[str, TypeProto],
        sizes: Mapping[str, int],
        *,
        inferred: bool,
    ) -> None:
        """`inferred` says that onnx has inferred the whole model already."""
        self._inference = inference
        self._inferred = inferred
        self._declared = declared
        self._sizes = sizes

    def read(
        self,
        proto: GraphProto,
        scope: Scope,
        metadata: Mapping[str, str] = _NO_METADATA,
        unused_bindings: tuple[str, ...] = (),
        depth: int = 0,
    ) -> Graph:
        """Return one graph; `scope` holds its inputs."""
        if depth > _DEEPEST:
            raise InvalidGraph(f"graphs are nested more than {_DEEPEST} deep")
        inputs = tuple(scope.values)
        _store(proto, scope)
        inferred = {info.name: info.type for info in proto.value_info}
        inferred.update((info.name, info.type) for info in proto.output)
        names = Names()
        nodes = [self._node(node, scope, inferred, names, depth) for node in proto.node]
        outputs = tuple(info.name for info in proto.output)
        for name in outputs:
            if not scope.find(name):
                raise InvalidGraph(f"output {name!r} is made by nothing")
        return Graph(
            name=proto.name,
            opset=self._inference.opset,
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

    def _node(
        self,
        proto: NodeProto,
        scope: Scope,
        inferred: Mapping[str, TypeProto],
        names: Names,
        depth: int,
    ) -> Node:
        inputs, outputs = tuple(proto.input), tuple(proto.output)
        values = scope.values
        for name in inputs:
            if name and name not in values and not scope.find(name):
                raise Unsorted
        label = names.unique(proto.name or next(filter(None, outputs), proto.op_type))
        domain = proto.domain
        node = Node(
            name=label,
            op=proto.op_type,
            domain="" if domain == "ai.onnx" else domain,
            inputs=inputs,
            outputs=outputs,
            attributes=self._attributes(proto, scope, depth) if proto.attribute else _NO_ATTRIBUTES,
            metadata=_entries(proto) if proto.metadata_props else _NO_METADATA,
        )
        for name in outputs:
            if name:
                if name in values and name not in scope.captures:
                    raise InvalidGraph(f"tensor {name!r} is made twice", label)
                scope.compute(name, inferred.get(name), self._sizes)
        if not scope.open.isdisjoint(outputs):
            self._refine(node, proto, scope)
        if self._declared:
            self._compare(outputs, scope)
        if not node.domain:
            if node.op == "Constant":
                add_constant(node, proto, scope)
            else:
                fold(node, scope, self._inference.opset)
        return node

    def _attributes(self, proto: NodeProto, scope: Scope, depth: int) -> Mapping[str, Attribute]:
        def nested(body: GraphProto) -> Graph:
            inner = Scope(outer=scope)
            for info in body.input:
                dtype, shape = read(info.type, self._sizes)
                inner.values[info.name] = Value(info.name, dtype, shape, Role.INPUT)
            return self.read(body, inner, depth=depth + 1)

        attributes = {}
        for attribute in proto.attribute:
            value = plain(attribute, nested)
            if value is not None:
                attributes[attribute.name] = value
        return attributes

    def _refine(self, node: Node, proto: NodeProto, scope: Scope) -> None:
        """Infer a node again where more is known of its inputs than before."""
        present = [name for name in node.inputs if name]
        if not self._inferred or not scope.changed.isdisjoint(present):
            found = self._inference.infer(
                proto,
                {name: scope.type_of(name) for name in present},
                {name: scope.constants[name] for name in present if name in scope.constants},
            )
            if isinstance(found, str):
                scope.unknown.update((name, found) for name in node.outputs if name in scope.open)
            else:
                for name, kind in found.items():
                    if name in scope.open:
                        scope.learn(name, *read(kind, self._sizes), Provenance.INFERRED)
        for name in node.outputs:
            if name in scope.open and name in self._declared:
                scope.learn(name, *read(self._declared[name], self._sizes), Provenance.DECLARED)

    def _compare(self, outputs: tuple[str, ...], scope: Scope) -> None:
        """Note where the file declares another shape than the one that was inferred."""
        for name in outputs:
            proto = self._declared.get(name)
            if proto is None:
                continue
            declared = read(proto, self._sizes)[1]
            shape = scope.values[name].shape
            if declared is None or shape is None or declared == shape:
                continue
            if len(declared) != len(shape) or any(
                isinstance(a, int) and isinstance(b, int) and a != b
                for a, b in zip(declared, shape, strict=True)
            ):
                scope.conflicts.append(Conflict(name, declared, shape))


def _store(proto: GraphProto, scope: Scope) -> None:
    """Add the stored tensors of a graph to its scope."""
    for stored in proto.initializer:
        name = stored.name
        scope.values[name] = tensor.value(name, stored)
        scope.weights[name] = Weight(name, _entries(stored), tensor.is_external(stored))
        contents = tensor.contents(stored)
        if contents is not None:
            scope.constants[name] = contents
    for sparse in proto.sparse_initializer:
        name = sparse.values.name
        scope.values[name] = tensor.sparse_value(name, sparse)
        scope.weights[name] = Weight(
            name, _entries(sparse.values), tensor.is_external(sparse.values)
        )


def _entries(proto: NodeProto | TensorProto) -> Mapping[str, str]:
    return {entry.key: entry.value for entry in proto.metadata_props}
