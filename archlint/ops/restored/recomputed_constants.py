"""Constants that an exporter computed once, and that training may compute in each pass.

Tables of cosines and masks depend on no input, so that exporters fold them; in training they take
memory if the program makes them anew. A mask that is added to scores is then made for each use.
The same holds for what is made of parameters, as the kernel of a convolution whose weight is
standardized. A program may as well keep such a table in a buffer: the result is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import Signature, signature
from archlint.graph.value import Role
from archlint.ops.restored.folded_norms import CONVOLUTIONS, is_unfolded

_MASKING = frozenset({"Add", "Where"})


def with_recomputed_constants(
    graph: Graph, is_number: Callable[[str], bool], is_parameter: Callable[[str], bool]
) -> Graph:
    """Return `graph` with folded constants as tensors that each pass computes.

    `is_number` tells of a stored tensor whether it may be a folded constant, and `is_parameter`
    whether it counts as a parameter.
    """
    values, named = dict(graph.values), signature(graph)
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for slot, name in enumerate(node.inputs):
            if name not in graph.weights:
                continue
            if is_parameter(name) and _is_made_of_others(node, name, graph, named):
                inputs[slot] = f"{name}#of parameters"
                if inputs[slot] not in values:
                    kernel = replace(values[name], name=inputs[slot], role=Role.COMPUTED)
                    values[kernel.name] = kernel
                    nodes.append(Node(kernel.name, "Mul", "", (name, name), (kernel.name,), {}, {}))
            if not is_number(name):
                continue
            inputs[slot] = f"{name}#{node.name if node.op in _MASKING else 'made'}"
            if inputs[slot] not in values:
                made = replace(values[name], name=inputs[slot], role=Role.COMPUTED)
                values[inputs[slot]] = made
                nodes.append(Node(made.name, "Constant", "", (), (made.name,), {}, {}))
        nodes.append(node if tuple(inputs) == node.inputs else replace(node, inputs=tuple(inputs)))
    return replace(graph, nodes=tuple(nodes), values=values)


def _is_made_of_others(node: Node, name: str, graph: Graph, named: Signature | None) -> bool:
    """Whether a parameter of the file was computed from those of the program."""
    if named is not None:
        return name not in named.kinds and "#" not in name
    is_torch = graph.is_from_pytorch and not is_unfolded(node)
    return is_torch and node.op in CONVOLUTIONS and is_folded_name(name)
