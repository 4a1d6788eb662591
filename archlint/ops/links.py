"""Receptive-field links: how the axes of an output read the axes of the inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import TypeAlias

from msgspec import Struct

from archlint.graph.value import Shape
from archlint.ops.reach import IDENTITY, Reach


class Through(Struct, frozen=True):
    """Position j of output axis `target` reads the positions `reach` of input axis `source`.

    Where `adrift`, the true positions may be shifted by up to one stride: the shift depends on an
    unknown size.
    """

    source: int
    target: int
    reach: Reach = IDENTITY
    adrift: bool = False


class Piece(Struct, frozen=True):
    """Input axis `axis` becomes the part of the same output axis that begins at `start`.

    `length` is the length of the part, None where it is not known.
    """

    axis: int
    start: int
    length: int | None

    @property
    def source(self) -> int:
        """The input axis."""
        return self.axis


class Fixed(Struct, frozen=True):
    """Every output position reads the same `position` of input axis `source`."""

    source: int
    position: int = 0


class Whole(Struct, frozen=True):
    """Every output position reads all of input axis `source`.

    `features` marks a contraction over channels or features, which shows that the axis is neither
    space nor time. `causal` names the output axis whose position t reads only 0..t, or only t to
    the end where the operator runs `backward`. `own` names the output axis whose position t still
    corresponds to that of `source`, as after a normalization or a bidirectional layer: the tensor
    is still a feature map.
    """

    source: int
    features: bool = False
    causal: int | None = None
    backward: bool = False
    own: int | None = None


class Regroup(Struct, frozen=True):
    """Consecutive input axes are reshaped to consecutive output axes, in row-major order.

    On each side, only the first size may be unknown.
    """

    sources: tuple[int, ...]
    source_sizes: tuple[int | None, ...]
    targets: tuple[int, ...]
    target_sizes: tuple[int | None, ...]


class Opaque(Struct, frozen=True):
    """It is not known how input axis `source` is read, for the given `reason`."""

    source: int
    reason: str


Link: TypeAlias = Through | Piece | Fixed | Whole | Regroup | Opaque


class Stage(Struct, frozen=True):
    """One of several steps that an operator consists of: its links, and the shape of its result."""

    links: tuple[Link, ...]
    shape: Shape


Links: TypeAlias = tuple[Link | Stage, ...]
"""All links, or all stages."""

InputLinks: TypeAlias = Mapping[int, Links]
"""The links of each data input, by slot: one link at most for each of its axes.

A slot that is left out is no data path.
"""


@cache
def same_axes(rank: int) -> tuple[Link, ...]:
    """Return the links of a tensor that is read element by element."""
    return tuple(Through(axis, axis) for axis in range(rank))


def same_axes_but(rank: int, whole: Collection[int], *, features: bool = False) -> tuple[Link, ...]:
    """Return links by which each output reads its own position, and all of the axes in `whole`.

    `features` marks those axes, as in `Whole`.
    """
    return tuple(
        Whole(axis, features=features) if axis in whole else Through(axis, axis)
        for axis in range(rank)
    )
