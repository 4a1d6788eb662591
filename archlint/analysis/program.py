"""The network as it is trained: with what an export for inference merged, folded or left out."""

from __future__ import annotations

from archlint.analysis.exported_weights import as_in_program
from archlint.analysis.folded_norms import unfolded
from archlint.analysis.gradients import GradientFlow
from archlint.analysis.merged_calls import with_twins
from archlint.analysis.merged_pads import with_pads
from archlint.analysis.merged_weights import separated
from archlint.analysis.parameters import Parameters
from archlint.graph.graph import Graph
from archlint.graph.made_up import is_computed_anew
from archlint.graph.node import Node
from archlint.graph.value import Role
from archlint.ops.composite.exported import signature
from archlint.record import record, replace

_MASKING = frozenset({"Add", "Where"})


@record
class Program:
    """A graph with the weights that training changes; one and the same where a file hides none."""

    graph: Graph
    parameters: Parameters
    gradients: GradientFlow


def program_graph(graph: Graph, *, has_norms: bool = True, with_biases: bool = False) -> Graph:
    """Return `graph` with the weights and, unless it had none, the batch norms that it had.

    `with_biases` takes it that layers in front of a batch norm had a bias where no file tells.
    """
    whole = as_in_program(with_pads(with_twins(separated(graph))))
    if has_norms:
        whole = unfolded(whole, with_biases=with_biases)
    return whole if whole is graph and not _is_mixed(graph) else _ordered(whole)


def with_numbers_made_anew(program: Program) -> Graph:
    """Return the graph of a program with folded numbers as tensors that each pass makes.

    Exporters work out beforehand what depends on no input: tables of cosines, masks. Training
    makes them anew, and what adds a mask to scores makes one for each use. Where they were buffers
    after all, they are not made; no file tells.
    """
    graph = program.graph
    nodes: list[Node] = []
    values = dict(graph.values)
    for node in graph.nodes:
        inputs = list(node.inputs)
        for slot, name in enumerate(node.inputs):
            if name not in graph.weights or not _is_folded_number(name, program):
                continue
            inputs[slot] = f"{name}#{node.name if node.op in _MASKING else 'made'}"
            if inputs[slot] not in values:
                made = replace(values[name], name=inputs[slot], role=Role.COMPUTED)
                values[inputs[slot]] = made
                nodes.append(Node(made.name, "Constant", "", (), (made.name,), {}, {}))
        nodes.append(node if tuple(inputs) == node.inputs else replace(node, inputs=tuple(inputs)))
    return replace(graph, nodes=tuple(nodes), values=values)


def _is_folded_number(name: str, program: Program) -> bool:
    """Whether a stored tensor is of numbers that an exporter worked out."""
    value, parameters = program.graph.values[name], program.parameters
    is_float = value.dtype is not None and value.dtype.is_float
    is_known = name in parameters.trainable or name in parameters.buffers
    return is_float and (value.elements or 0) > 1 and not is_known


def _is_mixed(graph: Graph) -> bool:
    """Whether some stored tensors stand apart, since the exporter made them anew."""
    return graph.metadata.get("producer_name") == "pytorch" and any(
        map(is_computed_anew, graph.weights)
    )


def _ordered(graph: Graph) -> Graph:
    """Return `graph` with its stored tensors in the order in which an optimizer takes them.

    That is the order of the modules, which torch.export records, and nearly that of their use.
    """
    named = signature(graph)
    places = {name: place for place, name in enumerate(named.kinds if named is not None else ())}
    uses: dict[str, int] = {}
    for node in graph.nodes:
        for name in node.inputs:
            if name in graph.weights:
                uses.setdefault(name, len(uses))
    stored = sorted(
        (name for name, value in graph.values.items() if value.role is Role.STORED),
        key=lambda name: (places.get(name, len(places)), uses.get(name, len(uses))),
    )
    return replace(graph, values={name: graph.values[name] for name in stored} | dict(graph.values))
