"""Restores tied embeddings, which PyTorch's TorchScript exporter stores a second time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import signature
from archlint.graph.value import Role

IsTransposed = Callable[[str, str], bool]
"""Whether a stored matrix holds the numbers of another one, transposed."""


def is_tied(readers: Iterable[Node]) -> bool:
    """Whether a weight is looked up and multiplied by, as that of a tied head is."""
    ops = {node.op for node in readers}
    return "Gather" in ops and len(ops) > 1


def cannot_tell(_: str, __: str) -> bool:
    """Take each matrix for one of its own, where no numbers can be read."""
    return False


def tied_tables(graph: Graph, is_transposed: IsTransposed) -> dict[str, str]:
    """Return the embedding table of each stored matrix that is a transposed copy of one.

    Constant folding turns the weights of linear layers round and stores what comes of it under a
    name of its own, so that a tied weight is there twice. Only the numbers tell, but where
    torch.export says whose weight each call takes.
    """
    if signature(graph) is not None or not graph.is_from_pytorch:
        return {}
    tables = {
        node.inputs[0]: graph.values[node.inputs[0]].shape
        for node in graph.nodes
        if node.op == "Gather" and node.inputs[0] in graph.weights
    }
    found: dict[str, str] = {}
    for node in graph.nodes if tables else ():
        weight = node.inputs[1] if node.op == "MatMul" else ""
        if weight in graph.weights and weight not in found and is_folded_name(weight):
            transposed = (graph.values[weight].shape or ())[::-1]
            for table, shape in tables.items():
                if shape == transposed and is_transposed(table, weight):
                    found[weight] = table
                    break
    return found


def tied(graph: Graph, is_transposed: IsTransposed) -> Graph:
    """Return `graph` with a head that multiplies by an embedding's weight made of that weight."""
    left = tied_tables(graph, is_transposed)
    if not left:
        return graph
    values, nodes = dict(graph.values), []
    for node in graph.nodes:
        weight = node.inputs[1] if node.op == "MatMul" else ""
        if weight in left:
            values[weight] = replace(values[weight], role=Role.COMPUTED)
            turn = {"perm": (1, 0)}
            nodes.append(Node(weight, "Transpose", "", (left.pop(weight),), (weight,), turn, {}))
        nodes.append(node)
    made = {name for name, value in values.items() if value.role is not Role.STORED}
    weights = {name: weight for name, weight in graph.weights.items() if name not in made}
    return replace(graph, nodes=tuple(nodes), values=values, weights=weights)
