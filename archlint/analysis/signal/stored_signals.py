"""The signals of stored tensors: weights as they are drawn, and constants."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.initialization.initialization import Initialization
from archlint.analysis.signal.maps import constant_array, drawn, joined
from archlint.ops.effect import Joins, Passes

if TYPE_CHECKING:
    from archlint.analysis.signal.signal import Signal
    from archlint.graph.graph import Graph
    from archlint.graph.node import Node


class StoredSignals(Struct, frozen=True):
    """The signals of the stored tensors of a graph, as far as their distributions are known."""

    initialization: Initialization

    def of(self, name: str) -> Signal | None:
        """Return the signal of a stored tensor, also of slices and concatenations of it."""
        flow = self.initialization.flow
        graph, parameters = flow.graph, flow.parameters
        root = parameters.origins.get(name, name)
        if flow.is_stored(root):
            found = self.initialization.initial(root)
            if found is not None:
                return drawn(root, found, graph.values[name].shape or ())
        if root in parameters.trainable or root in parameters.buffers:
            return None  # trained values are unrelated to the initial ones
        contents = graph.constants.get(name)
        if contents is not None and contents.dtype.kind == "f":
            return constant_array(name, contents)
        maker = graph.producers.get(name)
        return None if maker is None else self._prepared(maker, name)

    def _prepared(self, maker: Node, name: str) -> Signal | None:
        """Return the signal of a stored tensor after nodes that only slice and concatenate."""
        flow = self.initialization.flow
        match flow.effect(maker):
            case Passes(slot):
                return self.of(maker.inputs[slot])
            case Joins(slots):
                parts = [self.of(maker.inputs[slot]) for slot in slots]
                known = [part for part in parts if part is not None]
                sizes = [elements(flow.graph, maker.inputs[slot]) for slot in slots]
                return joined(name, known, sizes) if len(known) == len(parts) else None
        return None


def elements(graph: Graph, name: str) -> float:
    """Return the number of elements of a tensor, counting an axis of unknown length as one."""
    shape = graph.values[name].shape or ()
    return prod((dim for dim in shape if isinstance(dim, int)), start=1.0)
