"""Constants that an exporter computed once, and that training may compute in each pass.

Tables of cosines and masks depend on no input, so that exporters fold them; in training they take
memory if the program makes them anew. A mask that is added to scores is then made for each use.
The same holds for what is made of parameters, as the kernel of a convolution whose weight is
standardized. A program may as well keep such a table in a buffer: the result is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable

from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.signature import Signature, signature
from archlint.ops.restored.folded_norms import CONVOLUTIONS, is_unfolded
from archlint.ops.restored.graph_edit import GraphEdit

_MASKING = frozenset({"Add", "Where"})


def with_recomputed_constants(
    graph: Graph, is_number: Callable[[str], bool], is_parameter: Callable[[str], bool]
) -> Graph:
    """Return `graph` with folded constants as tensors that each pass computes.

    `is_number` tells of a stored tensor whether it may be a folded constant, and `is_parameter`
    whether it counts as a parameter.
    """
    edit, named = GraphEdit(graph), signature(graph)
    for node in graph.nodes:
        inputs = list(node.inputs)
        for slot, name in enumerate(node.inputs):
            if name not in graph.weights:
                continue
            if is_parameter(name) and _is_made_of_others(node, name, graph, named):
                inputs[slot] = f"{name}#of parameters"
                if not edit.has(inputs[slot]):
                    edit.compute(_node(inputs[slot], "Mul", (name, name)), name, node)
            if not is_number(name):
                continue
            inputs[slot] = f"{name}#{node.name if node.op in _MASKING else 'made'}"
            if not edit.has(inputs[slot]):
                edit.compute(_node(inputs[slot], "Constant", ()), name, node)
        if tuple(inputs) != node.inputs:
            edit.read(node, tuple(inputs))
    return edit.edited()


def _node(output: str, op: str, inputs: tuple[str, ...]) -> Node:
    return Node(output, op, "", inputs, (output,), {}, {})


def _is_made_of_others(node: Node, name: str, graph: Graph, named: Signature | None) -> bool:
    """Whether a parameter of the file was computed from those of the program."""
    if named is not None:
        return name not in named.kinds and "#" not in name
    is_torch = graph.is_from_pytorch and not is_unfolded(node)
    return is_torch and node.op in CONVOLUTIONS and is_folded_name(name)
