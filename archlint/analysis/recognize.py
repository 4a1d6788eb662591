"""From the operators of a file back to those that the framework ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Shape, Value
from archlint.ops.composite.composite import Attributes, Composite, Form, ShapeOf
from archlint.ops.composite.exported import (
    ExportedCall,
    Signature,
    exported_calls,
    is_exported,
    signature,
)
from archlint.ops.composite.pattern import Matching
from archlint.ops.composite.registry import Composites
from archlint.ops.composite.rewritten import SPLIT, prepared_weights, reshaping, split_slices
from archlint.ops.operator import FRAMEWORK
from archlint.ops.registry import Operators
from archlint.record import record, replace

_NO_METADATA: Mapping[str, str] = {}


def framework_graph(graph: Graph, composites: Composites, operators: Operators) -> Graph:
    """Return `graph` with every group of nodes that was one operator of the framework as one node.

    The node goes by the name of the node of its group that made its first output, and stands in
    its place. Where torch.export says what a node was, that counts; elsewhere the form tells.
    """
    found = _recognized(graph, composites, operators)
    _from_slices(graph, composites, found)
    found.covered.update(prepared_weights(graph))
    return found.shown(graph)


def meaning_graph(graph: Graph, meanings: Composites, operators: Operators) -> Graph:
    """Return `graph` with what is written out in steps as the operators that it computes.

    It does not matter who wrote it out: an exporter, or a person whose framework ran the steps.
    """
    return _recognized(graph, meanings, operators).shown(graph)


def _recognized(graph: Graph, composites: Composites, operators: Operators) -> _Found:
    found = _Found(operators)
    _from_export(graph, composites, found)
    _from_form(graph, composites, found)
    return found


@record(frozen=False)
class _Found:
    """The composites by the name of the node that they stand for, and the nodes inside them.

    `lost` are the nodes of calls that torch.export names, but whose tensors are not found.
    """

    operators: Operators
    composites: dict[str, Node] = field(default_factory=dict)
    covered: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    before: dict[str, list[Node]] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def add(
        self,
        composite: Composite,
        nodes: Iterable[Node],
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        attributes: Attributes,
    ) -> str:
        """Replace `nodes` by one, whose name it returns; it stands where its first output was."""
        maker = next(node for node in nodes if not set(outputs).isdisjoint(node.outputs))
        self.covered.update(node.name for node in nodes)
        self.composites[maker.name] = Node(
            maker.name, composite.operator.name, FRAMEWORK, inputs, outputs, attributes,
            _NO_METADATA,
        )  # fmt: skip
        return maker.name

    def shown(self, graph: Graph) -> Graph:
        """Return `graph` with each group of nodes as the one that stands for it."""
        if not self.covered:
            return graph
        nodes: list[Node] = []
        for node in graph.nodes:
            if node.name in self.composites or node.name not in self.covered:
                nodes.extend(self.before.get(node.name, ()))
                nodes.append(self.composites.get(node.name, node))
        values = {**graph.values, **self.values} if self.values else graph.values
        return replace(graph, nodes=tuple(nodes), values=values)

    def reshape(self, source: str, name: str, shape: Shape, user: str, graph: Graph) -> None:
        """Make a tensor that an optimizer put together with its use, before the node `user`."""
        self.values[name] = replace(graph.values[source], name=name, shape=shape)
        self.before.setdefault(user, []).append(reshaping(source, name, user))


def _from_export(graph: Graph, composites: Composites, found: _Found) -> None:
    """Add what torch.export names."""
    calls = exported_calls(graph)
    if not calls:
        return
    _from_form(graph, composites, found, spanning=True)
    names = signature(graph) or Signature({}, {})
    elements: dict[str, list[Node]] = {}
    for call in calls:
        if call.is_element and call.arguments:
            elements.setdefault(call.arguments[0].lstrip("%"), []).extend(call.nodes)
    for call in calls:
        if not found.covered.isdisjoint(node.name for node in call.nodes):
            continue
        for composite in composites.by_target.get(call.target, ()):
            attributes = composite.reads(call)
            nodes = (*call.nodes, *elements.get(call.name, ()))
            asked = [name for place in composite.arguments for name in _names(call.argument(place))]
            inputs = _tensors(asked, call, names, graph)
            outputs = _outputs(call, nodes, graph)
            if attributes is not None and outputs and inputs is not None:
                user = found.add(composite, nodes, inputs, outputs, attributes)
                if composite.shape_of is not None:
                    _reshape_merged(found, graph, user, asked, composite.shape_of)
                break
            found.lost.update(node.name for node in nodes)


def _names(argument: str) -> list[str]:
    """Return the names of the tensors in an argument, which may be a list of them."""
    parts = argument.strip("[]").split(",") if argument.startswith("[") else [argument]
    return [part.strip().lstrip("%") if "%" in part else "" for part in parts]


def _tensors(
    asked: list[str], call: ExportedCall, names: Signature, graph: Graph
) -> tuple[str, ...] | None:
    """Return the tensors that the program calls by these names, "" for none.

    None where one is not found among what the nodes of the call read. A weight that was stored in
    another form on the way goes by another name: those are taken in order. So are tensors that an
    optimizer worked out beforehand, or made together with their use.
    """
    made = {name for node in call.nodes for name in node.outputs}
    read = [name for node in call.nodes for name in node.inputs if name and name not in made]
    found = [names.tensors.get(name, name) if name else "" for name in asked]
    units = call.units
    stored = iter(
        name
        for name in dict.fromkeys(read)
        if name in graph.weights and name not in found and name not in units
        if (graph.values[name].shape or ()) and _is_float(name, graph, constants=True)
    )
    others = iter(
        name
        for name in dict.fromkeys(read)
        if name not in graph.weights and name not in graph.constants and name not in found
    )
    result = []
    for name, tensor in zip(asked, found, strict=True):
        known = not tensor or tensor in read
        used = tensor if known else None
        if used is None and name.startswith("p_"):
            used = next(stored, None)
        elif used is None and name not in graph.producers:
            used = next(others, None) or next(stored, None)
        if used is None:
            return None
        result.append(used)
    return tuple(result)


def _reshape_merged(
    found: _Found, graph: Graph, user: str, asked: list[str], shape_of: ShapeOf
) -> None:
    """Make the arguments of a call that an optimizer merged with it, where their shape is known."""
    node = found.composites[user]
    shapes = [graph.values[name].shape if name else None for name in node.inputs]
    inputs = list(node.inputs)
    for slot, (name, tensor) in enumerate(zip(asked, node.inputs, strict=True)):
        is_merged = name and name not in graph.values and tensor not in graph.weights
        shape = shape_of(slot, shapes) if is_merged else None
        if shape is not None and shape != shapes[slot]:
            inputs[slot] = f"{user}/{name}"
            found.reshape(tensor, inputs[slot], shape, user, graph)
    found.composites[user] = replace(node, inputs=tuple(inputs))


def _outputs(call: ExportedCall, nodes: tuple[Node, ...], graph: Graph) -> tuple[str, ...]:
    """Return the tensors that a group of nodes makes for others, in order.

    Numbers of shapes that others share are no outputs of the operator.
    """
    inside = {node.name for node in nodes}
    ends = set(graph.outputs)
    return tuple(
        name
        for node in nodes
        for name in node.outputs
        if (name.startswith(call.name) or _is_float(name, graph))
        and (name in ends or any(user.name not in inside for user in graph.consumers.get(name, ())))
    )


def _is_float(name: str, graph: Graph, *, constants: bool = False) -> bool:
    dtype = graph.values[name].dtype if name else None
    is_float = dtype is not None and dtype.is_float
    return is_float and (constants or name not in graph.constants)


def _from_form(
    graph: Graph, composites: Composites, found: _Found, *, spanning: bool = False
) -> None:
    """Add what has the form of a composite, the largest first: from the end of the graph.

    With `spanning`, only what torch.export has no name for, since it is several calls by then.
    """
    by_root = composites.among(frozenset(node.op for node in graph.nodes))
    producers = graph.producers
    for node in reversed(graph.nodes):
        candidates = by_root.get(node.op, ())
        if not candidates or node.name in found.covered:
            continue
        makers = {maker.op for name in node.inputs if (maker := producers.get(name))}
        for candidate in candidates:
            if not candidate.makers <= makers:
                continue
            form = candidate.form
            named = is_exported(node) and node.name not in found.lost
            if (spanning or named) and not form.spans_calls:
                continue
            matched = _match(form, node, graph, found)
            if matched is not None:
                matching, attributes = matched
                inputs = tuple(matching.tensors.get(label, "") for label in form.inputs)
                found.add(candidate.composite, matching.nodes, inputs, (node.output,), attributes)
                break


def _match(
    form: Form, node: Node, graph: Graph, found: _Found
) -> tuple[Matching, Attributes] | None:
    for matching in form.pattern.match(node.output, graph, Matching({})):
        is_free = found.covered.isdisjoint(inner.name for inner in matching.nodes)
        if is_free and _is_closed(matching, node, graph, found.operators):
            attributes = form.attributes(matching, graph)
            if attributes is not None:
                return matching, attributes
    return None


def _is_closed(matching: Matching, root: Node, graph: Graph, operators: Operators) -> bool:
    """Whether nobody outside uses what is made inside, but for its shape."""
    inside = {node.name for node in matching.nodes}
    for node in matching.nodes:
        if node is root:
            continue
        for name in node.outputs:
            if name in graph.outputs or any(
                user.name not in inside and operators.reads_contents(user)
                for user in graph.consumers.get(name, ())
            ):
                return False
    return True


def _from_slices(graph: Graph, composites: Composites, found: _Found) -> None:
    """Add the splits of stored tensors, which exporters write as slices."""
    split = composites.by_target[SPLIT][0]
    for name, nodes, axis in split_slices(graph):
        if found.covered.isdisjoint(node.name for node in nodes):
            outputs = tuple(node.output for node in nodes)
            found.add(split, nodes, (name,), outputs, {"axis": axis})
