"""One layer: a weighted sum, with what comes before and after it."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from archlint.analysis.structure.ends import Kind, Origin, Sink
from archlint.analysis.structure.flow import Flow
from archlint.frontends.properties import ADAPTER, INITIALIZER
from archlint.graph.node import Node
from archlint.graph.program.call_record import folds_normalization
from archlint.ops.effect import Sums
from archlint.ops.fan import Fan

# The last two are those of onnxruntime's optimizer.
_FOLDED_NAMES = ("onnx::", "getitem", "fused", "folded", "_bn_", "BnFusion", "MulFusion")


class Layer(Struct, frozen=True, dict=True):
    """One weighted sum: its weight, the number of products that it sums, and its input tensor.

    The operators before and after it are found on demand: for trained weights, nothing needs them.
    """

    node: Node
    weight: str
    fan: Fan
    data: str
    may_fold: bool
    flow: Flow

    @cached_property
    def source(self) -> Origin:
        """The origin of its input."""
        return self.flow.origins.get(self.data, Origin(Kind.OTHER))

    @cached_property
    def sink(self) -> Sink:
        """The sink of its output."""
        return self.flow.sinks.get(self.node.output, Sink(frozenset()))

    @property
    def may_be_small(self) -> bool:
        """Whether a small sigma loses no signal.

        That is so in the last layer, at the end of a residual branch, and before a gate.
        """
        return self.sink.is_final or self.sink.joins or self.sink.opens_gate

    @property
    def adapts(self) -> bool:
        """Whether its weight is a factor of a low-rank adapter.

        The scale of the signal is that of the layer beside it: the adapter adds zero at first
        (Hu et al. 2021).
        """
        stored = self.flow.graph.weights.get(self.weight)
        return stored is not None and ADAPTER in stored.metadata

    @cached_property
    def folded(self) -> bool:
        """Whether a batch normalization may have been multiplied into the weight.

        Then its scale cannot be judged. Folding adds a bias, unless it is zero, and PyTorch's
        exporter generates a name for the weight; only convolutions without a following
        normalization can have a folded one.
        """
        graph = self.flow.graph
        has_kernel = len(graph.values[self.weight].shape or ()) > 2
        stored = graph.weights.get(self.weight)
        declares = stored is not None and INITIALIZER in stored.metadata
        if not (self.may_fold and has_kernel) or declares or self.sink.is_normalized:
            return False
        told = folds_normalization(self.node)
        if told is not None:
            return told
        effect = self.flow.effect(self.node)
        has_bias = isinstance(effect, Sums) and effect.bias is not None
        names = (self.weight, self.node.output)
        named = any(mark in name for name in names for mark in _FOLDED_NAMES)
        return named or not (has_bias or graph.is_from_pytorch)
