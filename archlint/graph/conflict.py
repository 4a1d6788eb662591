"""A declared shape that contradicts the inferred one."""

from __future__ import annotations

from archlint.graph.value import Shape
from archlint.record import record


@record
class Conflict:
    """A tensor whose declared shape differs from the inferred one."""

    tensor: str
    declared: Shape
    inferred: Shape
