"""The facts of a model at chosen sizes of its open dimensions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from math import isqrt, lcm
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.analysis.formulas.polynomial import Grid, Point

if TYPE_CHECKING:
    from archlint.analysis.amount import Amount
    from archlint.analysis.facts import Facts
    from archlint.analysis.formulas.formula import Formula
    from archlint.analysis.receptive_field.receptive_fields import ReceptiveFields
    from archlint.graph.dimensions.open_dims import OpenDim

# A binding costs about 0.1 ms a node. A batch needs 3 to 5 of them, with a length it is 18; small
# models may have more, and models of more than ten thousand nodes have to do without.
_NODES, _MOST_NODES = 16_000, 60_000
_FEWEST, _ENOUGH, _MOST = 5, 18, 60

_FEWEST_PERIODS = 4
_HIGHEST_RUNG = 4
_FARTHEST = 2**16
LARGEST_BATCH = 2**20
"""The largest batch that anybody asks about."""
_SMALLER = 8
_COARSE = 64 * 3 * 7  # what windows of 7, 8, 12, 14 or 16 and most paddings divide
# Lengths that fit most networks: wider than their kernels, and within their tables of positions.
_LENGTHS = (64, 512, _COARSE, 8)
_LARGEST_PERIOD = 4096


class OutOfTrials(Exception):
    """Raised where a model is too large to be analysed at one more size."""


class Ladder(Struct, frozen=True):
    """The sizes at which one symbol is tried: rung r is `base` + r `step`.

    `end` is the largest valid size, if there is one, and `farthest` the largest one to try else.
    `is_coarse` means that a smaller step may be sufficient.
    """

    base: int
    step: int
    end: int | None = None
    is_coarse: bool = False
    farthest: int = _FARTHEST

    def size(self, rung: int) -> int:
        """Return a size; that of rung 0 is the base."""
        return self.base + rung * self.step

    @property
    def far(self) -> int:
        """The largest size that is tried."""
        return self.end or self.farthest // self.step * self.step

    @property
    def between(self) -> int:
        """The geometric mean of the base and the largest size, in steps."""
        return (isqrt(self.base * self.far) // self.step) * self.step

    @property
    def small(self) -> tuple[int, ...]:
        """Sizes below the base in descending order, down to one step."""
        sizes = (self.step * _SMALLER**power for power in range(self.base.bit_length()))
        return tuple(size for size in sizes if size < self.base)[::-1]


_BATCHES = Ladder(base=2, step=1, farthest=LARGEST_BATCH)


class Samples(Struct, frozen=True, dict=True):
    """The facts of one model at points: a size for each open dimension. Each is computed once.

    `bind` returns the facts for a point, which has a size for each of `dims`; `open_facts` are the
    facts without sizes. `lines` caches linear formulas by the amounts that they were fitted to.
    """

    open_facts: Facts
    dims: tuple[OpenDim, ...]
    bind: Callable[[Point], Facts]
    lines: dict[tuple[int, tuple[Amount, ...]], Formula | None] = field(default_factory=dict)
    _known: dict[Point, Facts] = field(default_factory=dict)
    _known_flaws: dict[Point, frozenset[str]] = field(default_factory=dict)
    _grids: dict[tuple[Point, ...], Grid] = field(default_factory=dict)

    def facts(self, point: Point) -> Facts:
        """Return the facts at a point; raises `OutOfTrials` beyond the limit of points."""
        if point not in self._known:
            if len(self._known) >= self._limit:
                raise OutOfTrials
            self._known[point] = self.bind(point)
        return self._known[point]

    def grid(self, sizes: tuple[Point, ...]) -> Grid:
        """Return the grid of some sizes of each symbol, one object for all amounts."""
        return self._grids.setdefault(sizes, Grid(sizes))

    @cached_property
    def _limit(self) -> int:
        nodes = max(len(self.open_facts.graph.nodes), 1)
        limit = min(max(_NODES // nodes, _ENOUGH), _MOST_NODES // nodes, _MOST)
        return limit if limit >= _FEWEST else 0

    @property
    def is_batch(self) -> bool:
        """Whether the batch is the only open dimension."""
        return len(self.dims) == 1 and self.dims[0].is_batch

    @cached_property
    def equal(self) -> tuple[str, ...]:
        """The axes without a symbol that are taken to have the same size."""
        return tuple(filter(None, (dim.equal for dim in self.dims)))

    @property
    def some(self) -> Facts:
        """The facts at some point; the open ones if the model is too large to try any."""
        return self.facts(self.middle) if self._limit else self.open_facts

    def is_sound(self, point: Point) -> bool:
        """Whether the model is as valid with the sizes of a point as with others."""
        return self._flaws(point) <= self._always

    def _flaws(self, point: Point) -> frozenset[str]:
        """Return the tensors whose shapes contradict their operator, or that are empty."""
        if point not in self._known_flaws:
            graph = self.facts(point).graph
            empty = (name for name in graph.producers if 0 in (graph.values[name].shape or ()))
            self._known_flaws[point] = frozenset((*graph.refusals, *empty))
        return self._known_flaws[point]

    @cached_property
    def ladders(self) -> tuple[Ladder, ...]:
        """The sizes of each symbol that are tried.

        A batch is tried from 2 on, since a size of 1 may be broadcast. A length is tried in
        multiples of what the strides along it divide, so that nothing is rounded.
        """
        return self._ladders(1)

    @property
    def batches(self) -> tuple[int, int, int]:
        """The batches at which a linear formula is tried: the two smallest, and a distant one."""
        return _BATCHES.size(-1), _BATCHES.base, _BATCHES.far

    @cached_property
    def coarser(self) -> tuple[Ladder, ...]:
        """Ladders with a step that is divisible by common windows and paddings."""
        return self._ladders(_COARSE)

    def _ladders(self, period: int) -> tuple[Ladder, ...]:
        if self.is_batch:
            return (_BATCHES,) * len(self.dims)
        fields = self.open_facts.receptive_fields
        steps = [lcm(period, _period(dim, fields)) for dim in self.dims]
        return tuple(
            _BATCHES if dim.is_batch else self._lengths(place, step, is_coarse=period > 1)
            for place, (dim, step) in enumerate(zip(self.dims, steps, strict=True))
        )

    def _lengths(self, place: int, step: int, *, is_coarse: bool) -> Ladder:
        periods = max(-(-self.middle[place] // step), _FEWEST_PERIODS)
        ladder = Ladder(periods * step, step, is_coarse=is_coarse)
        while periods > _FEWEST_PERIODS and not self._takes(place, ladder.size(_HIGHEST_RUNG)):
            periods = max(periods // 2, _FEWEST_PERIODS)  # a table ends among the rungs
            ladder = Ladder(periods * step, step, is_coarse=is_coarse)
        return replace(ladder, end=self._end(place, ladder))

    def _takes(self, place: int, size: int) -> bool:
        """Whether the model takes a size of one symbol, among those of the middle."""
        return self.is_sound((*self.middle[:place], size, *self.middle[place + 1 :]))

    def _end(self, place: int, ladder: Ladder) -> int | None:
        """Return the largest length, None where none was found.

        A length ends where a stored table, of positions most often, has no more rows.
        """
        if self._takes(place, ladder.far):
            return None
        graph = self.facts(self.middle).graph
        rows = {size for name in graph.weights for size in graph.values[name].sizes or ()}
        first = ladder.size(_HIGHEST_RUNG)
        tables = sorted(size // ladder.step * ladder.step for size in rows if size > first)
        sound = bisect_left(tables, True, key=lambda size: not self._takes(place, size))
        return tables[sound - 1] if sound else first

    @cached_property
    def middle(self) -> Point:
        """A size of each symbol, with which most is known: too small a map has no output."""
        wrong = {}
        for length in _LENGTHS:
            point = tuple(_BATCHES.base if dim.is_batch else length for dim in self.dims)
            unknown = self.facts(point).compute.forward_macs.unknown
            wrong[point] = len(unknown) + len(self._flaws(point))
            if not wrong[point]:
                break
        return min(wrong, key=lambda point: wrong[point])

    @cached_property
    def _always(self) -> frozenset[str]:
        """What is wrong whatever the sizes."""
        return self._flaws(self.middle)


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
