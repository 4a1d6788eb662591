"""The network as it is trained: with what an export for inference merged, folded or left out."""

from __future__ import annotations

from archlint.analysis.exported_weights import as_in_program
from archlint.analysis.folded_norms import unfolded
from archlint.analysis.gradients import GradientFlow
from archlint.analysis.merged_weights import separated
from archlint.analysis.parameters import Parameters
from archlint.graph.graph import Graph
from archlint.graph.made_up import is_computed_anew
from archlint.graph.value import Role
from archlint.ops.composite.exported import signature
from archlint.record import record, replace


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
    whole = as_in_program(separated(graph))
    if has_norms:
        whole = unfolded(whole, with_biases=with_biases)
    return whole if whole is graph and not _is_mixed(graph) else _ordered(whole)


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
