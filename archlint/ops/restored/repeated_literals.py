"""Tensors of the program that the TorchScript exporter wrote as literals, once for each use.

They are buffers that no state dictionary has (`persistent=False`), tensors that a module has as an
attribute, and what a program makes of numbers alone. Literals with the same numbers are one tensor
of the program. Those with equal numbers throughout are left alone: a program makes zeros, as the
first state of a cell, wherever it needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.program.signature import signature
from archlint.ops.restored.graph_edit import GraphEdit

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.ops.restored.distinct_numbers import DistinctNumbers


def with_single_literals(graph: Graph, numbers: DistinctNumbers) -> Graph:
    """Return `graph` with one literal in place of several that have the same, different numbers."""
    if not graph.is_from_pytorch or signature(graph) is not None:
        return graph
    edit, literals = GraphEdit(graph), dict[tuple[object, ...], str]()
    for node in graph.nodes:
        contents = _contents(node, graph, numbers)
        if contents is None or not (contents != contents.flat[0]).any():
            continue
        literal = literals.setdefault((contents.shape, contents.tobytes()), node.output)
        if literal == node.output:
            continue
        edit.removed.add(node.name)
        for user in graph.consumers.get(node.output, ()):
            edit.read_instead(user, node.output, literal)
    return edit.edited()


def _contents(node: Node, graph: Graph, numbers: DistinctNumbers) -> np.ndarray | None:
    """Return the numbers of a literal of floats, None for anything else."""
    if node.op != "Constant" or node.domain or node.output in graph.outputs:
        return None
    value = graph.values[node.output]
    is_float = value.dtype is not None and value.dtype.is_float
    if not is_float or (value.elements or 0) < 2:
        return None
    known = graph.constants.get(node.output)
    return numbers.of(value) if known is None else known
