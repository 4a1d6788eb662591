"""Restores equal calls that an optimizer merged into one."""

from __future__ import annotations

from collections.abc import Mapping

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import as_call, base_name, exported_calls, skipped
from archlint.record import replace


def with_twins(graph: Graph) -> Graph:
    """Return `graph` with nodes of its own for each call that was merged into an equal one.

    The record of torch.export names the tensor that a call reads. Where it is not in the file, and
    the one that is read instead was made by a call of the same name, that is its twin.
    """
    twins: dict[str, list[str]] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    for call, gone, tensor in skipped(graph):
        maker = graph.producers.get(tensor)
        if maker is not None and base_name(gone) == base_name(tensor):
            made = twins.setdefault(tensor, [])
            if gone not in made:
                made.append(gone)
            for node in call.nodes:
                read = inputs.get(node.name, node.inputs)
                inputs[node.name] = tuple(gone if name == tensor else name for name in read)
    if not twins:
        return graph
    calls = {node.name: call.nodes for call in exported_calls(graph) for node in call.nodes}
    values = dict(graph.values)
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(replace(node, inputs=inputs.get(node.name, node.inputs)))
        for twin in twins.get(node.output, ()) if len(node.outputs) == 1 else ():
            parts = calls.get(node.name, (node,))
            names = {name: f"{name}#{twin}" for part in parts for name in part.outputs if name}
            names[node.output] = twin
            values |= {new: replace(values[old], name=new) for old, new in names.items()}
            nodes += [
                _twin(part, inputs.get(part.name, part.inputs), names, twin) for part in parts
            ]
    return replace(graph, nodes=tuple(nodes), values=values)


def _twin(node: Node, inputs: tuple[str, ...], names: Mapping[str, str], call: str) -> Node:
    """Return the node that does for `call` what this one does for its own; `names` are the new."""
    return replace(
        node,
        name=f"{node.name}#{call}",
        inputs=tuple(names.get(name, name) for name in inputs),
        outputs=tuple(names.get(name, name) for name in node.outputs),
        metadata=as_call(node, call),
    )
