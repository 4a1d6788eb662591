"""The facts of a model at chosen sizes of the dimensions that it leaves open."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING

from archlint.analysis.polynomial import Grid, Point
from archlint.record import record

if TYPE_CHECKING:
    from archlint.analysis.facts import Facts
    from archlint.analysis.receptive_field import ReceptiveFields
    from archlint.graph.open_dims import OpenDim

# A binding costs about 0.1 ms a node: no more than a second or so for a thousand nodes.
_NODES = 12_000
_FEWEST, _MOST = 8, 60

# Lengths that fit most networks: wider than their kernels, and within their tables of positions.
_LENGTHS = (64, 512, 8)
_FEWEST_PERIODS = 4
_NEAR, _FAR = 13, 500  # 64 and 13 is 77, and 500 is within 512: tables of positions end there
_COARSE = 64
_LARGEST_PERIOD = 4096


class OutOfTrials(Exception):  # noqa: N818 - an answer: enough was tried
    """Raised where a model is too large for one more size of it."""


@record
class Ladder:
    """The sizes at which one symbol is tried: `base`, and multiples of `step` more.

    `far` are sizes far from the base, the farthest first.
    """

    base: int
    step: int
    far: tuple[int, ...]

    def size(self, rung: int) -> int:
        """Return a size; that of rung 0 is the base."""
        return self.base + rung * self.step

    @property
    def small(self) -> tuple[int, ...]:
        """Sizes below the base, the largest first, the last the smallest that there is."""
        powers = (4**power * self.step for power in range(self.base.bit_length()))
        return tuple(size for size in powers if size < self.base)[::-1]


_BATCHES = Ladder(base=2, step=1, far=(65_536,))


@record(slots=False)
class Samples:
    """The facts of one model with its open dimensions bound, each point worked out once.

    `bind` works the facts out for a size of each of `dims`.
    """

    dims: tuple[OpenDim, ...]
    bind: Callable[[Point], Facts]
    _known: dict[Point, Facts] = dataclasses.field(default_factory=dict)
    _grids: dict[tuple[Point, ...], Grid] = dataclasses.field(default_factory=dict)

    def facts(self, point: Point) -> Facts:
        """Return the facts at a point; raises `OutOfTrials` where that would be one too many."""
        if point not in self._known:
            if len(self._known) >= self._limit:
                raise OutOfTrials
            self._known[point] = self.bind(point)
        return self._known[point]

    def grid(self, sizes: tuple[Point, ...]) -> Grid:
        """Return the grid of some sizes of each symbol; what it works out serves all amounts."""
        return self._grids.setdefault(sizes, Grid(sizes))

    @property
    def _limit(self) -> int:
        nodes = max((len(facts.graph.nodes) for facts in self._known.values()), default=0)
        return min(max(_NODES // max(nodes, 1), _FEWEST), _MOST)

    @cached_property
    def ladders(self) -> tuple[Ladder, ...]:
        """The sizes of each symbol that are tried.

        A batch is tried from 2 on, since a size of 1 may be broadcast. A length is tried in
        multiples of what the strides along it divide, so that nothing is rounded.
        """
        if all(dim.is_batch for dim in self.dims):
            return (_BATCHES,) * len(self.dims)
        fields = self.facts(self._point(self._length)).receptive_fields
        return tuple(
            _BATCHES if dim.is_batch else self._lengths(_period(dim, fields)) for dim in self.dims
        )

    def coarser(self) -> tuple[Ladder, ...]:
        """Return ladders of lengths that windows and paddings divide more often than others."""
        return tuple(
            ladder if dim.is_batch else self._lengths(lcm(ladder.step, _COARSE))
            for dim, ladder in zip(self.dims, self.ladders, strict=True)
        )

    def _lengths(self, step: int) -> Ladder:
        base = max(-(-self._length // step), _FEWEST_PERIODS) * step
        near = base + _NEAR * step
        return Ladder(base, step, (max(_FAR // step * step, near), near))

    @cached_property
    def _length(self) -> int:
        """The length with which most of the work is known: too small a map has no output."""
        unknown = {}
        for length in _LENGTHS:
            facts = self.facts(self._point(length))
            unknown[length] = len(facts.compute.forward_macs.unknown)
            if not unknown[length]:
                return length
        return min(_LENGTHS, key=lambda length: unknown[length])

    def _point(self, length: int) -> Point:
        return tuple(_BATCHES.base if dim.is_batch else length for dim in self.dims)


def _period(dim: OpenDim, fields: ReceptiveFields) -> int:
    """Return what the strides along the axes of a symbol divide."""
    strides = set()
    for extent in fields.extents:
        if (extent.input, extent.axis) in dim.axes:
            for name in fields.data:
                field = fields.of(name, extent)
                if field.is_local and field.reach is not None and not field.reach.finite:
                    strides.add(field.reach.stride.numerator)
    period = lcm(*strides)
    return period if 0 < period <= _LARGEST_PERIOD else 1
