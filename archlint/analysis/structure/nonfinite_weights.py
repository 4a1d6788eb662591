"""Stored numbers that are NaN or infinite where no network can compute with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.analysis.parameters.parameters import Parameter
from archlint.analysis.structure.flow import Flow
from archlint.graph.node import Node
from archlint.ops.effect import Combines, LooksUp, Normalizes, Operation, Recurs, Sums

if TYPE_CHECKING:
    from archlint.sources.statistics import Statistics
    from archlint.sources.tensor_numbers import Describe


def nonfinite_weights(flow: Flow, describe: Describe) -> dict[str, Statistics]:
    """Return the parameters and running statistics whose NaN or infinity spoils what they go into.

    NaN always does. Infinity does in what is multiplied or looked up, and positive infinity in a
    bias: masks that are added to attention scores, and bounds that something is compared with,
    contain infinity on purpose.
    """
    parameters = flow.parameters
    return {
        name: found
        for name, entry in (parameters.trainable | parameters.buffers).items()
        if (found := describe(name)) is not None and _spoils(flow, entry, found)
    }


def _spoils(flow: Flow, entry: Parameter, found: Statistics) -> bool:
    if found.nans > 0:
        return True
    return found.infinities > 0 and any(
        _multiplies(flow, use.node)
        or (found.positive_infinities > 0 and _is_bias(flow, use.node, use.slot))
        for use in entry.uses
    )


def _multiplies(flow: Flow, node: Node) -> bool:
    effect = flow.effect(node)
    if isinstance(effect, Combines):
        return effect.operation is Operation.MULTIPLY
    return isinstance(effect, (Sums, Recurs, Normalizes, LooksUp))


def _is_bias(flow: Flow, node: Node, slot: int) -> bool:
    """Whether a node adds what is in `slot` to a weighted sum, one number per channel."""
    if flow.offset(node) != slot:
        return False
    maker = flow.parameters.graph.producers.get(node.inputs[1 - slot])
    effect = None if maker is None else flow.effect(maker)
    return (
        maker is not None
        and isinstance(effect, Sums)
        and flow.offset_of(maker, effect) == node.inputs[slot]
    )
