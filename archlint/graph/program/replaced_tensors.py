"""The tensors that the calls of a program take and the file lacks, and what is read instead.

An optimizer that removes a call, or merges it with another one, lets its readers read something
else; the text of their calls still names what they took.
"""

from __future__ import annotations

from collections.abc import Iterator

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import ExportedCall, exported_calls
from archlint.graph.program.signature import Signature, signature

_REGROUPING = frozenset({"Unsqueeze", "Squeeze", "Reshape", "Flatten"})


def skipped(graph: Graph) -> Iterator[tuple[ExportedCall, str, str]]:
    """Yield each call that names a tensor which is not in the file, with the two tensors.

    They are the one that the call names, and the one that its node reads instead, since an
    optimizer removed a call, or merged it with another one.
    """
    named = signature(graph)
    if named is None:
        return
    for call in exported_calls(graph):
        yield from ((call, *pair) for pair in replaced(call, graph, named))


def replaced(call: ExportedCall, graph: Graph, named: Signature) -> Iterator[tuple[str, str]]:
    """Yield the tensors of a call that are not in the file, each with what is read instead."""
    made = {name for node in call.nodes for name in node.outputs}
    read = dict.fromkeys(
        name
        for node in call.nodes
        for name in node.inputs
        if name and name not in made and name not in graph.weights
    )
    asked = call.tensors
    gone = [name for name in asked if name not in graph.values and name not in named.tensors]
    others = [name for name in read if name not in asked]
    if len(gone) == len(others):
        yield from zip(gone, others, strict=True)
    elif gone and len(call.nodes) == 1:
        for name, slot in _slots(call, graph, named):
            if name in gone:
                yield name, call.nodes[0].inputs[slot]


def reading(call: ExportedCall, node: Node, graph: Graph, gone: str, tensor: str) -> list[int]:
    """Return the slots in which a node of a call reads `tensor` in place of one that is `gone`."""
    named = signature(graph)
    slots = [slot for slot, name in enumerate(node.inputs) if name == tensor]
    if len(slots) < 2 or named is None or len(call.nodes) > 1:
        return slots
    return [slot for name, slot in _slots(call, graph, named) if name == gone] or slots


def _slots(call: ExportedCall, graph: Graph, named: Signature) -> list[tuple[str, int]]:
    """Return what a call of one node takes with the slots of its node, none where they differ."""
    inputs, weights = call.nodes[0].inputs, graph.weights
    slots = [slot for slot, name in enumerate(inputs) if name and name not in weights]
    asked = [name for name in call.tensors if named.tensors.get(name, name) not in weights]
    return list(zip(asked, slots, strict=True)) if len(asked) == len(slots) else []


def regroups(tensor: str, name: str, graph: Graph) -> bool:
    """Whether the tensor `name` is a reshape of `tensor`.

    An optimizer merges the reshapes that several calls need, so that one reads what another made.
    """
    while (maker := graph.producers.get(name)) is not None and maker.op in _REGROUPING:
        name = maker.inputs[0]
        if name == tensor:
            return True
    return False
