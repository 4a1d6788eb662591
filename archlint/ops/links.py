"""How the axes of an operator's output look at the axes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from archlint.ops.reach import IDENTITY, Reach


@dataclass(frozen=True, slots=True)
class Through:
    """Position j of output axis `target` reads `reach` of input axis `source`."""

    source: int
    target: int
    reach: Reach = IDENTITY


@dataclass(frozen=True, slots=True)
class Fixed:
    """Every output reads the same `position` of input axis `source`."""

    source: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class Whole:
    """Every output reads all of input axis `source`.

    `features` marks a contraction over channels or features, which tells that the axis is no
    extent of space or time. `causal` names the output axis whose position t reads only 0..t.
    """

    source: int
    features: bool = False
    causal: int | None = None


@dataclass(frozen=True, slots=True)
class Regroup:
    """Consecutive input axes are re-cut into consecutive output axes, in row-major order."""

    sources: tuple[int, ...]
    source_sizes: tuple[int, ...]
    targets: tuple[int, ...]
    target_sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """How input axis `source` is read is not known, for the reason given."""

    source: int
    reason: str


Link: TypeAlias = Through | Fixed | Whole | Regroup | Opaque

Sight: TypeAlias = Mapping[int, tuple[Link, ...]]
"""The links of each data input, by slot. A slot that is left out is no data path."""


def same_axes(rank: int) -> tuple[Link, ...]:
    """Return the links of a tensor that is read element by element."""
    return tuple(Through(axis, axis) for axis in range(rank))
