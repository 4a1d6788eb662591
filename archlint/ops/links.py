"""Receptive-field links: how the axes of an output read the axes of the inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import TypeAlias

from archlint.graph.value import Shape
from archlint.ops.reach import IDENTITY, Reach
from archlint.record import record


@record
class Through:
    """Position j of output axis `target` reads `reach` of input axis `source`.

    `adrift` tells that it may lie up to one stride beside that: by how much depends on a size that
    is not known.
    """

    source: int
    target: int
    reach: Reach = IDENTITY
    adrift: bool = False


@record
class Piece:
    """Input axis `axis` fills the stretch of the same output axis that begins at `start`.

    `length` is that of the piece, None where it is not known.
    """

    axis: int
    start: int
    length: int | None

    @property
    def source(self) -> int:
        """The input axis."""
        return self.axis


@record
class Fixed:
    """Every output reads the same `position` of input axis `source`."""

    source: int
    position: int = 0


@record
class Whole:
    """Every output reads all of input axis `source`.

    `features` marks a contraction over channels or features, which tells that the axis is no
    extent of space or time. `causal` names the output axis whose position t reads only 0..t, or
    where the operator runs `backward` only from t to the end.
    """

    source: int
    features: bool = False
    causal: int | None = None
    backward: bool = False


@record
class Regroup:
    """Consecutive input axes are re-cut into consecutive output axes, in row-major order.

    Of the sizes only the first one on each side may be unknown.
    """

    sources: tuple[int, ...]
    source_sizes: tuple[int | None, ...]
    targets: tuple[int, ...]
    target_sizes: tuple[int | None, ...]


@record
class Opaque:
    """How input axis `source` is read is not known, for the reason given."""

    source: int
    reason: str


Link: TypeAlias = Through | Piece | Fixed | Whole | Regroup | Opaque


@record
class Stage:
    """One of several steps that an operator stands for: its links, and the shape that it makes."""

    links: tuple[Link, ...]
    shape: Shape


Links: TypeAlias = tuple[Link | Stage, ...]
"""All links, or all stages."""

Sight: TypeAlias = Mapping[int, Links]
"""The links of each data input, by slot: one link at most for each of its axes.

A slot that is left out is no data path.
"""


@cache
def same_axes(rank: int) -> tuple[Link, ...]:
    """Return the links of a tensor that is read element by element."""
    return tuple(Through(axis, axis) for axis in range(rank))


def same_axes_but(rank: int, whole: Collection[int], *, features: bool = False) -> tuple[Link, ...]:
    """Return the links of a tensor of which each output reads its own place, and all of some axes.

    `features` marks those axes as `Whole` has it.
    """
    return tuple(
        Whole(axis, features=features) if axis in whole else Through(axis, axis)
        for axis in range(rank)
    )
