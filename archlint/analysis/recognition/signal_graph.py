"""The graph as a signal sees it: masks are known, and decomposed operators are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.receptive_field.stored_masks import stored_masks
from archlint.analysis.recognition.recognize import meaning_graph
from archlint.ops.composite.registry import meanings

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.sources.statistics import Statistics
    from archlint.sources.tensor_numbers import Describe


def signal_graph(parameters: Parameters, describe: Describe) -> Graph:
    """Return the graph of `parameters` with the contents of stored masks, and whole operators.

    `describe` computes the statistics of a stored tensor.
    """

    def describe_mask(name: str) -> Statistics | None:
        return describe(name) if _may_be_mask(name, parameters) else None

    graph = parameters.graph  # what it has worked out about itself is kept where it is the same
    masks = stored_masks(graph, describe_mask)
    if masks:
        graph = replace(graph, constants={**graph.constants, **masks})
    return meaning_graph(graph, meanings(), parameters.operators)


def _may_be_mask(name: str, parameters: Parameters) -> bool:
    """Whether no operator multiplies by a stored tensor: masks are added, or select."""
    for use in parameters.lineage.uses.get(name, ()):
        operator = parameters.operators.of(use.node)
        if operator is None:
            return False
        if use.slot in operator.weights and not operator.scalars_are_constants:
            return False
    return True
