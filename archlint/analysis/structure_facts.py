"""The facts about what is in one graph, whatever is done with it.

Each is computed once, when it is first asked for.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.recognition.signal_graph import signal_graph
from archlint.analysis.structure.dependence import Dependence
from archlint.analysis.structure.dropped_variances import DroppedVariance, dropped_variances
from archlint.analysis.structure.flattening import Flattening, flattening
from archlint.analysis.structure.flow import Flow
from archlint.analysis.structure.linear_pairs import LinearPair, linear_pairs
from archlint.analysis.structure.nonfinite_weights import nonfinite_weights
from archlint.analysis.structure.usage import Usage
from archlint.graph.graph import Graph
from archlint.ops.registry import Operators
from archlint.ops.restored.tied_weights import tied_tables
from archlint.ops.training_mode import active_dropouts, training_batch_norms
from archlint.sources.tensor_numbers import TensorNumbers, UnknownNumbers
from archlint.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.analysis.structure.dead_channels import DeadChannels
    from archlint.analysis.structure.misfits import Misfits
    from archlint.analysis.structure.quantization import Quantization
    from archlint.analysis.structure.stated_numbers import StatedNumbers
    from archlint.graph.node import Node
    from archlint.ops.denominators import Denominator
    from archlint.ops.infinity import Infinities
    from archlint.sources.statistics import Statistics


class StructureFacts(Struct, frozen=True, dict=True):
    """The facts about the operators and the stored tensors of one graph.

    `numbers` reads those of stored tensors; only facts about them ask for it.
    """

    graph: Graph
    target: Target
    operators: Operators
    numbers: TensorNumbers = UnknownNumbers()

    @cached_property
    def parameters(self) -> Parameters:
        """Which stored tensors are parameters and which are running statistics."""
        only_adapters = self.target.training.lora_rank is not None
        return Parameters(self.graph, self.operators, only_adapters)

    @cached_property
    def tied_tables(self) -> Mapping[str, str]:
        """The embedding table of each stored matrix that is a transposed copy of one."""
        return tied_tables(self.graph, self.numbers.is_transposed)

    @cached_property
    def flow(self) -> Flow:
        """The producers and consumers of every tensor, past operators that only move elements."""
        return Flow(self.signal_graph, self.operators, self.parameters)

    @cached_property
    def signal_graph(self) -> Graph:
        """The graph as a signal sees it: masks are known, and decomposed operators are whole."""
        return signal_graph(self.parameters, self.numbers.describe)

    @cached_property
    def misfits(self) -> Misfits:
        """The calls that contradict their operator."""
        from archlint.analysis.structure.misfits import Misfits

        return Misfits(self.graph, self.operators)

    @cached_property
    def usage(self) -> Usage:
        """Which parts of the graph any output depends on."""
        return Usage(self.graph)

    @property
    def dependence(self) -> Dependence:
        """Which outputs depend on the contents of the inputs."""
        return Dependence(self.graph, self.operators)

    @cached_property
    def data_dependent_shapes(self) -> tuple[Node, ...]:
        """The nodes at which shapes begin to depend on the data."""
        from archlint.analysis.structure.data_dependent_shapes import data_dependent_shapes

        return tuple(data_dependent_shapes(self.graph, self.operators))

    @cached_property
    def active_dropouts(self) -> tuple[Node, ...]:
        """The dropouts that the file switches on."""
        return tuple(active_dropouts(self.graph))

    @cached_property
    def training_batch_norms(self) -> tuple[Node, ...]:
        """The batch norms that use the statistics of the batch, as in training."""
        return tuple(training_batch_norms(self.graph))

    @cached_property
    def flattening(self) -> Flattening | None:
        """Where the first feature map after a convolution becomes a vector."""
        return flattening(self.graph, self.operators, self.parameters)

    @cached_property
    def dropped_variances(self) -> tuple[DroppedVariance, ...]:
        """The batch norms that measure their variance behind a dropout."""
        return tuple(dropped_variances(self.flow))

    @cached_property
    def linear_pairs(self) -> tuple[LinearPair, ...]:
        """The layers in a row that one layer could replace."""
        return tuple(linear_pairs(self.graph, self.flow))

    @cached_property
    def denominators(self) -> tuple[Denominator, ...]:
        """What normalizations divide by that are written out in steps."""
        from archlint.ops.denominators import denominators

        return tuple(denominators(self.graph))

    @cached_property
    def stated_numbers(self) -> StatedNumbers:
        """The ranges of the numbers that the file states."""
        from archlint.analysis.structure.stated_numbers import StatedNumbers

        return StatedNumbers(self.graph, self.flow, self.numbers)

    @cached_property
    def nonfinite_weights(self) -> Mapping[str, Statistics]:
        """The parameters and running statistics that spoil the operator that reads them."""
        return nonfinite_weights(self.flow, self.numbers.describe)

    @cached_property
    def dead_channels(self) -> tuple[DeadChannels, ...]:
        """The weights and gains that are zero for some output channels, but not for all."""
        from archlint.analysis.structure.dead_channels import dead_channels

        return tuple(dead_channels(self.flow, self.numbers))

    @cached_property
    def quantization(self) -> Quantization:
        """What one scale for each tensor does to weights in 8 bits."""
        from archlint.analysis.structure.quantization import Quantization

        return Quantization(self.flow, self.numbers)

    @cached_property
    def infinities(self) -> Infinities:
        """What infinity in a tensor becomes, followed through all operators behind it."""
        from archlint.ops.infinity import Infinities

        return Infinities(self.graph, self.operators)
