"""Output channels that are the same for every input, because their weights or their gain are 0."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.structure.ends import Kind
from archlint.analysis.structure.flow import Flow
from archlint.graph.node import Node
from archlint.ops.effect import Normalizes, Passes, Sums
from archlint.sources.part import Part

if TYPE_CHECKING:
    from archlint.sources.tensor_numbers import TensorNumbers

_NEGLIGIBLE = 1e-6  # of the largest gain, or of the root mean square of a weight
_MOST = 65536  # channels of one model that are looked at


class DeadChannels(Struct, frozen=True):
    """The dead output channels of one weight, or of the gain of a normalization.

    `looked` is the number of channels that were looked at: all of them, or a sample in very large
    models. `idle` counts the numbers of the weight that belong to the dead channels found.
    """

    node: Node
    weight: str
    channels: tuple[int, ...]
    looked: int
    idle: int
    is_gain: bool = False
    is_sample: bool = False


class Filters(Struct, frozen=True):
    """A stored weight of a sum, as the sum reads it, with its output channels along `axis`."""

    node: Node
    weight: str
    sizes: tuple[int, ...]
    axis: int

    @property
    def count(self) -> int:
        """The number of output channels."""
        return self.sizes[self.axis]


def dead_channels(flow: Flow, numbers: TensorNumbers) -> Iterator[DeadChannels]:
    """Yield the weights, then the gains, that are dead in some channels but not in all."""
    yield from _dead_filters(flow, numbers)
    yield from _dead_gains(flow, numbers)


def _dead_filters(flow: Flow, numbers: TensorNumbers) -> Iterator[DeadChannels]:
    """Yield the weights some of whose output channels have only zeros, or what is next to it.

    The latter is what folding a gain next to 0 leaves; a normalization behind would scale it up. A
    weight that is zero as a whole was set to that (zero-initialized ends of residual branches,
    adapters), or is reported as such. The last layer is left out: rows of zeros there fill up a
    vocabulary.
    """
    every = {each.weight: each for each in filters(flow)}
    step = -(-sum(each.count for each in every.values()) // _MOST) or 1
    for each in every.values():
        value = flow.graph.values[each.weight]
        if value.dtype is None or not value.dtype.is_float:
            continue
        sample, looked = numbers.describe(each.weight), -(-each.count // step)
        if sample is None or sample.zeros == sample.sampled:  # zero as a whole, or nearly
            continue
        bound = _NEGLIGIBLE * sqrt(sample.second_moment or 0.0)
        found = numbers.within(each.weight, Part(each.axis, -bound, bound, step))
        sink = flow.sinks.get(each.node.output) if found else None
        if found and sink is not None and Kind.NORMALIZATION in sink.kinds:
            found = numbers.within(each.weight, Part(each.axis, step=step))
        if 0 < len(found) < looked and not (sink is not None and sink.is_final):
            idle = (value.elements or 0) // each.count * len(found)
            yield DeadChannels(each.node, each.weight, found, looked, idle, is_sample=step > 1)


def _dead_gains(flow: Flow, numbers: TensorNumbers) -> Iterator[DeadChannels]:
    """Yield the gains of normalizations that are 0, or next to it, in some channels but not all."""
    for name, node in _gains(flow).items():
        dims = flow.graph.values[name].sizes or ()
        long = [axis for axis, size in enumerate(dims) if size > 1]
        found = numbers.describe(name) if len(long) == 1 else None
        if found is None or found.minimum is None or found.maximum is None:
            continue
        bound = _NEGLIGIBLE * max(abs(found.minimum), abs(found.maximum))
        has_none = not bound or found.minimum > bound or found.maximum < -bound
        dead = () if has_none else numbers.within(name, Part(long[0], -bound, bound))
        if dead:
            yield DeadChannels(node, name, dead, dims[long[0]], len(dead), is_gain=True)


def filters(flow: Flow) -> Iterator[Filters]:
    """Yield the weights of sums whose output channels lie along one axis."""
    parameters = flow.parameters
    for node in flow.weighted:
        effect = flow.effect(node)
        if not isinstance(effect, Sums):
            continue
        for slot, axis in zip(effect.factors, effect.axes, strict=True):
            name = node.inputs[slot]
            weight = parameters.origins.get(name)
            if weight not in parameters.trainable:
                continue
            sizes = flow.graph.values[weight].sizes or ()
            is_matrix = axis is not None and axis < 0
            if axis is None or not sizes or (is_matrix and len(sizes) != 2):
                continue
            if _is_unmoved(flow, name, weight):
                yield Filters(node, weight, sizes, axis % len(sizes))


def _gains(flow: Flow) -> dict[str, Node]:
    """Return the stored gains of normalizations, each with the first one that it belongs to."""
    gains: dict[str, Node] = {}
    for node in flow.weighted:
        effect = flow.effect(node)
        if isinstance(effect, Normalizes) and effect.gain is not None:
            name = flow.parameters.origins.get(node.inputs[effect.gain])
            if name in flow.parameters.trainable:
                gains.setdefault(name, node)
    return gains


def _is_unmoved(flow: Flow, name: str, weight: str) -> bool:
    """Whether a tensor has the numbers of a stored one at their places, in another format."""
    values = flow.graph.values
    if values[name].shape != values[weight].shape:
        return False
    while name != weight:
        maker = flow.graph.producers.get(name)
        effect = None if maker is None else flow.effect(maker)
        if maker is None or not isinstance(effect, Passes) or not effect.in_place:
            return False
        name = maker.inputs[effect.slot]
    return True
