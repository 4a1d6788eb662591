"""Tied embeddings that the TorchScript exporter stores twice.

Constant folding transposes the weight of a linear layer and stores the result under a made-up name,
such as `onnx::MatMul_57`. If the layer is a head that shares the weight of an embedding, the file
has the matrix twice. Only the numbers tell: a stored matrix that is the transpose of an embedding
becomes a transposed view of it. Files of torch.export name the weight of each call
(`exported_weights`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.signature import signature
from archlint.ops.restored.graph_edit import GraphEdit

IsTransposed = Callable[[str, str], bool]
"""Whether a stored matrix holds the numbers of another one, transposed."""


def is_tied(readers: Iterable[Node]) -> bool:
    """Whether a weight is both looked up and multiplied by, as a tied one is."""
    ops = {node.op for node in readers}
    return "Gather" in ops and len(ops) > 1


def tied_tables(graph: Graph, is_transposed: IsTransposed) -> dict[str, str]:
    """Return the embedding table of each stored matrix that is a transposed copy of one."""
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
    """Return `graph` with tied heads that multiply by the transposed weight of the embedding."""
    left = tied_tables(graph, is_transposed)
    edit = GraphEdit(graph)
    for node in graph.nodes:
        weight = node.inputs[1] if node.op == "MatMul" else ""
        if weight in left:
            turn = {"perm": (1, 0)}
            table = Node(weight, "Transpose", "", (left.pop(weight),), (weight,), turn, {})
            edit.compute(table, weight, node)
    return edit.edited()
