"""Reads the nodes of a graph in one pass: plain objects, folded constants, missing shapes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from sys import intern
from types import MappingProxyType
from typing import TYPE_CHECKING

from archlint.graph.constant_folding.fold import fold
from archlint.graph.control_flow.branches import lift, merge, taken_branch
from archlint.graph.control_flow.loops import collect, count, settle, states
from archlint.graph.control_flow.operators import CHOICE, CONTROL_FLOW, LOOPS
from archlint.graph.control_flow.unrolling import body_of, iterations_differ, size, unroll
from archlint.graph.graph import Graph
from archlint.graph.inference.arity import check_graphs
from archlint.graph.inference.call import infer_call
from archlint.graph.inference.lookup import note_highest
from archlint.graph.inference.refine import compare, refine
from archlint.graph.inference.typeproto import Described
from archlint.graph.invalid import InvalidGraph
from archlint.graph.node import Attribute, Node
from archlint.graph.reading.attributes import plain
from archlint.graph.reading.constant import add_constant
from archlint.graph.reading.names import Names
from archlint.graph.reading.scope import Scope
from archlint.graph.reading.sequence_items import write_out_sequences
from archlint.graph.reading.stored import add_stored, entries
from archlint.graph.reading.written import written

if TYPE_CHECKING:
    import numpy as np
    from onnx import GraphProto, NodeProto

    from archlint.graph.reading.context import Context
    from archlint.graph.reading.kind import CallKey, CallKind
    from archlint.graph.value import Value

_NO_METADATA: Mapping[str, str] = MappingProxyType({})
_NO_ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType({})
_NO_CONTENTS: Mapping[str, np.ndarray] = MappingProxyType({})
_DEEPEST_LOOP = 3
"""Nesting depth of loops up to which bodies are read twice; each level doubles the work."""
_DEEPEST = 64
"""Nesting depth of graphs beyond which a model is rejected; onnx's own limit is about 33."""


class Unsorted(Exception):
    """Raised when a node uses a tensor that no earlier node produces."""


class GraphReader:
    """Reads one graph of a model, and its nested graphs.

    `scope` initially holds the inputs of the graph, and finally all its tensors.
    """

    def __init__(self, proto: GraphProto, scope: Scope, context: Context, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise InvalidGraph(f"graphs are nested more than {_DEEPEST} deep")
        self._proto = proto
        self._scope = scope
        self._context = context
        self._depth = depth
        self._names = Names()
        self._nodes: list[Node] = []
        self._trips: dict[str, int] = {}
        self._kinds: dict[Node, CallKind] = {}
        self._metadata = _NO_METADATA

    def read(
        self, metadata: Mapping[str, str] = _NO_METADATA, unused_bindings: tuple[str, ...] = ()
    ) -> Graph:
        """Return the graph as plain objects; nested graphs share the metadata of the model."""
        self._metadata = metadata
        scope, proto = self._scope, self._proto
        inputs = tuple(scope.values)
        add_stored(proto, scope)
        for node in proto.node:
            self._add(node)
        outputs = tuple(info.name for info in proto.output)
        for name in outputs:
            if not scope.find(name):
                raise InvalidGraph(f"output {name!r} is made by nothing")
        return Graph(
            name=proto.name,
            opset=self._context.inference.opset,
            inputs=inputs,
            outputs=outputs,
            nodes=write_out_sequences(self._nodes, outputs, scope),
            values=scope.values,
            weights=scope.weights,
            constants=scope.constants,
            metadata=metadata,
            unknown=scope.unknown,
            refusals=scope.refusals,
            conflicts=tuple(scope.conflicts),
            unused_bindings=unused_bindings,
            trips=self._trips,
            captures=tuple(scope.captures),
            kinds=self._kinds,
            values_read=scope.values,
        )

    def _add(self, proto: NodeProto) -> None:
        """Read one node, or instead of an If with a known condition the branch taken."""
        if proto.op_type == CHOICE and not proto.domain:
            branch = taken_branch(proto, self._scope)
            if branch is not None:
                self._lift(proto, branch)
                return
        node = self._node(proto)
        if node.op in LOOPS and not node.domain and self._unroll(proto, node):
            return
        self._nodes.append(node)

    def _unroll(self, proto: NodeProto, node: Node) -> bool:
        """Unroll a loop whose iterations differ into this graph; return whether that was done."""
        trips, body = self._trips.get(node.name), body_of(proto)
        # A loop that never runs has no iterations whose results could be concatenated.
        if not trips or body is None or not iterations_differ(node, self._scope):
            return False
        if not self._context.allowance.spend(trips * (1 + size(body))):
            return False
        iterations = list(unroll(proto, trips, self._context.inference.opset))
        if not iterations:
            return False
        del self._trips[node.name]
        self._scope.drop(node.outputs)
        for each in iterations:
            self._splice(each)
        return True

    def _lift(self, proto: NodeProto, branch: GraphProto) -> None:
        """Read the nodes of a branch as nodes of this graph."""
        self._splice(lift(proto, branch, self._taken.__contains__))

    def _splice(self, graph: GraphProto) -> None:
        """Read the initializers and nodes of another graph into this one."""
        add_stored(graph, self._scope)
        self._taken.update(name for node in graph.node for name in node.output)
        for node in graph.node:
            self._add(node)

    @cached_property
    def _taken(self) -> set[str]:
        """The names of all tensors of this graph, including those not read yet."""
        return {*self._scope.values, *(name for node in self._proto.node for name in node.output)}

    def _node(self, proto: NodeProto) -> Node:
        """Read one node: its plain form, its output types, and their contents where small."""
        scope, context = self._scope, self._context
        if context.rebatch is not None:
            proto = context.rebatch.mend(proto, scope)
        node, key = self._plain(proto)
        known = context.kinds.calls.get(key)
        if known is not None and self._repeat(node, known):
            return node
        left_open = self._infer(node, proto, key)
        if not node.domain:
            self._fold(node, proto)
            # The file may say more of one call than of another, and so may another batch.
            if (
                key is not None
                and context.rebatch is None
                and not (left_open and self._declares(node))
            ):
                kind = context.kinds.learn(key, node, scope, left_open=left_open)
                if kind.made is not None:
                    self._kinds[node] = kind
        return node

    def _infer(self, node: Node, proto: NodeProto, key: CallKey | None) -> bool:
        """Infer the types of the outputs; return whether onnx left any of them open."""
        scope, context = self._scope, self._context
        flows = node.op in CONTROL_FLOW and not node.domain
        if flows:
            check_graphs(node)
        found = infer_call(node, proto, key, scope, context)
        scope.compute(node.outputs, found, context.types)
        left_open = not scope.open.isdisjoint(node.outputs)
        if left_open:
            refine(node, proto, scope, context)
        if flows and node.op in LOOPS:
            self._loop(node, proto)
        elif flows:
            merge(node, scope)
        if context.rebatch is not None:
            context.rebatch.check(node, proto, scope)
        elif self._depth == 0 and context.declared:
            compare(node.outputs, scope, context)
        return left_open

    def _fold(self, node: Node, proto: NodeProto) -> None:
        """Fold the contents of the outputs of a standard operator."""
        if node.op == "Constant":
            add_constant(node, proto, self._scope)
        else:
            fold(node, self._scope, self._context.inference.opset)
            note_highest(node, self._scope)

    def _repeat(self, node: Node, known: CallKind) -> bool:
        """Reuse the outputs of an equal call, where these follow from the call alone."""
        made, declared = known.made, self._context.declared
        if made is None or self._context.rebatch is not None:
            return False
        if declared and known.left_open and self._declares(node):
            return False
        self._scope.repeat(node.outputs, made)
        self._kinds[node] = known
        if declared and self._depth == 0:
            compare(node.outputs, self._scope, self._context)
        return True

    def _declares(self, node: Node) -> bool:
        """Whether the file declares the type of an output of a node."""
        return not self._context.declared.keys().isdisjoint(node.outputs)

    def _plain(self, proto: NodeProto) -> tuple[Node, CallKey | None]:
        """Return a node as plain data, and the key of equal calls.

        Its inputs must be known, and its outputs new.
        """
        scope = self._scope
        values = scope.values
        op, domain = intern(proto.op_type), proto.domain
        domain = "" if domain == "ai.onnx" else domain
        attributes, is_shared = self._attributes(proto)
        # Names are interned, since they are looked up in dictionaries over and over.
        inputs, outputs = tuple(map(intern, proto.input[:])), tuple(map(intern, proto.output[:]))
        for name in inputs:
            if name not in values and name and not scope.find(name):
                raise Unsorted(repr(name))
        label = self._names.unique(proto.name or next(filter(None, outputs), op))
        for name in outputs:
            if name in values and name not in scope.captures:
                raise InvalidGraph(f"tensor {name!r} is made twice", label)
        metadata = entries(proto.metadata_props[:])
        node = Node(label, op, domain, inputs, outputs, attributes, metadata)
        return node, self._context.kinds.key(node, scope) if is_shared else None

    def _attributes(self, proto: NodeProto) -> tuple[Mapping[str, Attribute], bool]:
        """Return attributes as plain data, and whether equal ones are shared as one object.

        Attributes with a graph are read for each node separately.
        """
        given = proto.attribute[:]
        if not given:
            return _NO_ATTRIBUTES, True
        known, key = self._context.attributes, written(given)
        if key is not None and key in known:
            return known[key], True
        attributes = {}
        for attribute in given:
            value = plain(attribute, partial(self._nested, proto))
            if value is not None:
                attributes[attribute.name] = value
        if key is not None:
            known[key] = attributes
        return attributes, key is not None

    def _nested(self, proto: NodeProto, body: GraphProto) -> Graph:
        """Read a nested graph of a node.

        The body of a loop is read with the shapes of its first iteration; where the shape of a
        state changes, it is read again with these dimensions unknown.
        """
        if proto.op_type not in LOOPS or proto.domain or self._depth >= _DEEPEST_LOOP:
            return self._body(body, {})
        first = states(proto, [info.name for info in body.input], self._scope)
        graph = self._body(body, first)
        steady = settle(proto, graph, first)
        return graph if steady == first else self._body(body, steady)

    def _body(
        self,
        body: GraphProto,
        given: Mapping[str, Value],
        contents: Mapping[str, np.ndarray] = _NO_CONTENTS,
    ) -> Graph:
        inner = Scope(outer=self._scope)
        for info in body.input:
            inner.give(info.name, self._context.types.read(info.type.SerializeToString()))
            if info.name in given:
                inner.values[info.name] = given[info.name]
        for name, array in contents.items():
            inner.constants[name] = array
            inner.give(name, Described(inner.values[name].dtype, array.shape, True, True))
        return GraphReader(body, inner, self._context, self._depth + 1).read(self._metadata)

    def _loop(self, node: Node, proto: NodeProto) -> None:
        """Record the trip count of a loop, and infer its outputs."""
        trips = count(node, proto, self._scope, lambda body, known: self._body(body, {}, known))
        if trips is not None:
            self._trips[node.name] = trips
        collect(node, trips, self._scope)
