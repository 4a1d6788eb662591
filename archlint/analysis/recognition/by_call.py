"""Finds composites by the framework call that torch.export records for each node."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.recognition.recognized import Recognized
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import ExportedCall
from archlint.graph.program.replaced_tensors import regroups
from archlint.graph.program.signature import Signature, signature
from archlint.ops.composite.composite import Composite, ShapeOf
from archlint.ops.composite.registry import Composites


def from_calls(
    calls: tuple[ExportedCall, ...], graph: Graph, composites: Composites, found: Recognized
) -> None:
    """Add the composites that calls of the exported program name."""
    program = _Program(graph, signature(graph) or Signature({}, {}), _elements(calls))
    for call in calls:
        candidates = composites.by_target.get(call.target, ())
        if not candidates or not found.covered.isdisjoint(node.name for node in call.nodes):
            continue
        if not any(_is_added(each, call, program, found) for each in candidates):
            found.lost.update(node.name for node in call.nodes)


class _Program(Struct, frozen=True):
    """The graph of a file, with the names of its tensors in the exported program.

    `elements` are the nodes that select one of several results of a call, by the call's name.
    """

    graph: Graph
    names: Signature
    elements: Mapping[str, list[Node]]

    def nodes_of(self, call: ExportedCall) -> tuple[Node, ...]:
        """Return the nodes of a call, and those that only unpack its results."""
        return (*call.nodes, *self.elements.get(call.name, ()))


def _elements(calls: tuple[ExportedCall, ...]) -> dict[str, list[Node]]:
    elements: dict[str, list[Node]] = {}
    for call in calls:
        if call.is_element and call.arguments:
            elements.setdefault(call.arguments[0].lstrip("%"), []).extend(call.nodes)
    return elements


def _is_added(
    composite: Composite, call: ExportedCall, program: _Program, found: Recognized
) -> bool:
    """Add a call as `composite`, where its attributes and its tensors are known."""
    graph, nodes = program.graph, program.nodes_of(call)
    attributes = composite.reads(call)
    asked = [name for place in composite.arguments for name in _names(call.argument(place))]
    inputs = _tensors(asked, call, program.names, graph)
    outputs = _outputs(call, nodes, graph)
    if attributes is None or inputs is None or "" in inputs[:1] or not outputs:
        return False
    user = found.add(composite, nodes, inputs, outputs, attributes)
    if composite.shape_of is not None:
        _reshape_merged(found, graph, user, asked, composite.shape_of)
    return True


def _names(argument: str) -> list[str]:
    """Return the names of the tensors in an argument, which may be a list of them."""
    parts = argument.strip("[]").split(",") if argument.startswith("[") else [argument]
    return [part.strip().lstrip("%") if "%" in part else "" for part in parts]


def _tensors(
    asked: list[str], call: ExportedCall, names: Signature, graph: Graph
) -> tuple[str, ...] | None:
    """Return the tensors with these names in the program, "" for absent ones.

    None where one is not found among the inputs of the call's nodes. A weight that is stored in
    another form has another name: those are matched in order. So are tensors that an optimizer
    folded, or fused with their use.
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
        known = not tensor or tensor in read or any(regroups(tensor, each, graph) for each in read)
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
    found: Recognized, graph: Graph, user: str, asked: list[str], shape_of: ShapeOf
) -> None:
    """Restore the arguments that an optimizer merged with a call, where their shape is known."""
    node = found.composites[user]
    around = (*node.inputs, node.output)
    shapes = [graph.values[name].shape if name else None for name in around]
    inputs = list(node.inputs)
    for slot, (name, tensor) in enumerate(zip(asked, node.inputs, strict=True)):
        is_merged = name and name not in graph.values and tensor not in graph.weights
        shape = shape_of(slot, shapes) if is_merged else None
        if shape is not None and shape != shapes[slot]:
            inputs[slot] = f"{user}/{name}"
            found.reshape(tensor, inputs[slot], shape, user, graph)
    found.composites[user] = replace(node, inputs=tuple(inputs))


def _outputs(call: ExportedCall, nodes: tuple[Node, ...], graph: Graph) -> tuple[str, ...]:
    """Return the outputs of a group of nodes that other nodes use, in order.

    Shape arithmetic that other nodes share is not an output of the operator.
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
