"""The network as it is trained: with what an export for inference merged, folded or left out."""

from __future__ import annotations

from archlint.analysis.exported_weights import as_in_program
from archlint.analysis.folded_norms import unfolded
from archlint.analysis.gradients import GradientFlow
from archlint.analysis.merged_weights import separated
from archlint.analysis.parameters import Parameters
from archlint.graph.graph import Graph
from archlint.record import record


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
    return unfolded(whole, with_biases=with_biases) if has_norms else whole
