"""Weights that lose much in 8 bits, where one scale serves a whole tensor."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.structure.dead_channels import Filters, filters
from archlint.analysis.structure.flow import Flow
from archlint.graph.dtype import DType
from archlint.graph.node import Node
from archlint.sources.part import Part
from archlint.sources.tensor_numbers import TensorNumbers

if TYPE_CHECKING:
    from archlint.sources.statistics import Statistics

_LARGEST = 127  # of the integers of 8 bits that a weight is divided into
_FAR = 30  # times the root mean square
_NARROW = 1  # the largest integer of a channel that has next to nothing left
_WIDE = 100  # the largest integer of its tensor


class Outlier(Struct, frozen=True):
    """A weight whose largest number is far from the others.

    `typical` is the root mean square of its numbers, without those that are 0: pruned weights have
    many of these, and they need no step of their own.
    """

    node: Node
    weight: str
    largest: float
    typical: float

    @property
    def ratio(self) -> float:
        """The largest number, by the typical one."""
        return self.largest / self.typical

    @property
    def steps(self) -> float:
        """How many of the 127 steps the typical number has."""
        return _LARGEST / self.ratio


class CoarseChannels(Struct, frozen=True):
    """Channels of an 8-bit weight that hold nothing but -1, 0 and 1, of `count` channels."""

    node: Node
    weight: str
    channels: tuple[int, ...]
    count: int


class Quantization(Struct, frozen=True, dict=True):
    """What one scale for each tensor does to the weights of a graph, or has done."""

    flow: Flow
    numbers: TensorNumbers

    @cached_property
    def outliers(self) -> tuple[Outlier, ...]:
        """The float weights with a number of more than 30 times the typical one."""
        return tuple(self._outliers())

    @cached_property
    def coarse_channels(self) -> tuple[CoarseChannels, ...]:
        """The 8-bit weights with channels that have next to nothing left.

        Where each channel had a scale of its own, its largest integer would be 127. Channels of
        zeros alone may have been so before. Unsigned integers are left out: their zero is any.
        """
        return tuple(self._coarse())

    @cached_property
    def _weights(self) -> dict[str, Filters]:
        return {each.weight: each for each in filters(self.flow)}

    def _outliers(self) -> Iterator[Outlier]:
        for each in self._weights.values():
            dtype = self.flow.graph.values[each.weight].dtype
            if dtype is None or not dtype.is_float or dtype.bits <= 8:
                continue
            found = self.numbers.describe(each.weight)
            typical = None if found is None else _typical(found)
            if found is None or not typical:
                continue
            largest = max(-(found.minimum or 0.0), found.maximum or 0.0)
            if largest > _FAR * typical:
                yield Outlier(each.node, each.weight, largest, typical)

    def _coarse(self) -> Iterator[CoarseChannels]:
        for each in self._weights.values():
            if self.flow.graph.values[each.weight].dtype is not DType.INT8 or each.count == 1:
                continue
            found = self.numbers.describe(each.weight)
            if found is None or found.minimum is None or found.maximum is None:
                continue
            if max(-found.minimum, found.maximum) < _WIDE:
                continue
            narrow = self.numbers.within(each.weight, Part(each.axis, -_NARROW, _NARROW))
            zeros = self.numbers.within(each.weight, Part(each.axis)) if narrow else ()
            channels = tuple(channel for channel in narrow if channel not in set(zeros))
            if channels:
                yield CoarseChannels(each.node, each.weight, channels, each.count)


def _typical(found: Statistics) -> float | None:
    """Return the root mean square of the numbers that are not 0."""
    finite = found.sampled - found.nans - found.infinities
    if not found.second_moment or finite <= found.zeros:
        return None
    return sqrt(found.second_moment * finite / (finite - found.zeros))
