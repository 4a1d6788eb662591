"""The tensors that the calls of a program take and the file lacks, and what is read instead.

An optimizer that removes a call, or merges it with another one, lets its readers read something
else; the text of their calls still names what they took.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import ExportedCall, exported_calls
from archlint.graph.program.signature import Signature, signature

REGROUPING = frozenset({"Unsqueeze", "Squeeze", "Reshape", "Flatten"})
"""ONNX operators that give a tensor other axes, which an exporter adds where a call needs them."""


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
    elif gone:
        for name, node, slot in _operands(call, graph, named):
            if name in gone:
                yield name, node.inputs[slot]


def reading(call: ExportedCall, node: Node, graph: Graph, gone: str, tensor: str) -> list[int]:
    """Return the slots in which a node of a call reads `tensor` in place of one that is `gone`."""
    named = signature(graph)
    slots = [slot for slot, name in enumerate(node.inputs) if name == tensor]
    times = sum(each.inputs.count(tensor) for each in call.nodes)
    operands = _operands(call, graph, named) if times > 1 and named is not None else []
    if gone not in {name for name, _, _ in operands}:
        return slots
    return [slot for name, reader, slot in operands if name == gone and reader.name == node.name]


def _operands(call: ExportedCall, graph: Graph, named: Signature) -> list[tuple[str, Node, int]]:
    """Return what a call takes, each with the node and the slot that reads it.

    Nothing where the file does not tell: where no node brings as many tensors together as the call
    takes, each as it is or with other axes, as a stack does.
    """
    stored = graph.weights
    asked = [name for name in call.tensors if named.tensors.get(name, name) not in stored]
    made_by = {name: node for node in call.nodes for name in node.outputs}
    for node in reversed(call.nodes):
        slots = [slot for slot, name in enumerate(node.inputs) if name and name not in stored]
        found = [_outside(node, slot, made_by) for slot in slots]
        if len(found) == len(asked) and None not in found:
            return [(name, *each) for name, each in zip(asked, found, strict=True) if each]
    return []


def _outside(node: Node, slot: int, made_by: Mapping[str, Node]) -> tuple[Node, int] | None:
    """Return where a call reads what the slot of its node regroups; None if it is computed."""
    while (maker := made_by.get(node.inputs[slot])) is not None:
        if maker.op not in REGROUPING:
            return None
        node, slot = maker, 0
    return node, slot


def regroups(tensor: str, name: str, graph: Graph) -> bool:
    """Whether the tensor `name` is a reshape of `tensor`.

    An optimizer merges the reshapes that several calls need, so that one reads what another made.
    """
    while (maker := graph.producers.get(name)) is not None and maker.op in REGROUPING:
        name = maker.inputs[0]
        if name == tensor:
            return True
    return False
