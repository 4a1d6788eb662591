"""The network as it is trained, with the weights that training updates."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.training.gradients import GradientFlow
from archlint.graph.graph import Graph


class Program(Struct, frozen=True):
    """A graph with its parameters and gradients; the file's own graph if it hides nothing."""

    graph: Graph
    parameters: Parameters
    gradients: GradientFlow

    def on(self, graph: Graph) -> Program:
        """Return the program with another form of its graph, in which other weights are frozen."""
        parameters = replace(self.parameters, graph=graph)
        return Program(
            graph, parameters, replace(self.gradients, graph=graph, parameters=parameters)
        )

    def is_folded_number(self, name: str) -> bool:
        """Whether a stored tensor is a constant that an exporter may have folded."""
        value = self.graph.values[name]
        is_float = value.dtype is not None and value.dtype.is_float
        is_known = name in self.parameters.trainable or name in self.parameters.buffers
        return is_float and (value.elements or 0) > 1 and not is_known


class Network(Struct, frozen=True):
    """A program, and its graph in the operators of the framework."""

    program: Program
    framework: Graph
