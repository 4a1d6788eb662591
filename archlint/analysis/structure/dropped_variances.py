"""Batch norms that measure their variance behind a dropout, which inference does not have."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from archlint.analysis.structure.flow import Flow
from archlint.graph.node import Node
from archlint.ops.effect import Activates, Normalizes, Over, Passes, Pools, Sums


class DroppedVariance(Struct, frozen=True):
    """A batch norm and the dropout before it, which drops a `share` of the elements.

    `is_linear` tells that nothing but one sum is between them.
    """

    norm: Node
    dropout: Node
    share: float
    is_linear: bool

    @property
    def factor(self) -> float | None:
        """How many times the variance of inference is measured at least; None where unknown."""
        return 1 / (1 - self.share) if self.is_linear else None


def dropped_variances(flow: Flow) -> Iterator[DroppedVariance]:
    """Yield the batch norms whose input comes from a dropout along a single path."""
    for node in flow.weighted:
        effect = flow.effect(node)
        if isinstance(effect, Normalizes) and effect.over is Over.BATCH:
            found = _behind_dropout(flow, node)
            if found is not None:
                yield found


def _behind_dropout(flow: Flow, norm: Node) -> DroppedVariance | None:
    """Return the dropout that a norm comes from, with nothing but layers between them."""
    name, is_linear, sums = norm.inputs[0], True, 0
    while (node := flow.graph.producers.get(name)) is not None:
        effect = flow.effect(node)
        if isinstance(effect, Passes):
            if 0 < effect.dropped < 1:
                return DroppedVariance(norm, node, effect.dropped, is_linear and sums < 2)
            name = node.inputs[effect.slot]
        elif isinstance(effect, Activates | Pools):
            is_linear = False
            name = node.inputs[effect.slot if isinstance(effect, Activates) else 0]
        elif isinstance(effect, Sums):
            sums += 1
            computed = [slot for slot in effect.factors if not flow.is_stored(node.inputs[slot])]
            if len(computed) != 1:
                return None
            name = node.inputs[computed[0]]
        else:
            return None
    return None
