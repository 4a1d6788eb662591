"""A declared shape that contradicts the inferred one."""

from __future__ import annotations

from archlint.graph.value import Shape
from archlint.record import record


@record
class Conflict:
    """The declared shape of a tensor is not the one that follows from the graph."""

    tensor: str
    declared: Shape
    inferred: Shape
