"""A declared shape that contradicts the inferred one."""

from __future__ import annotations

from msgspec import Struct

from archlint.graph.value import Shape


class Conflict(Struct, frozen=True):
    """A tensor whose declared shape differs from the inferred one."""

    tensor: str
    declared: Shape
    inferred: Shape
