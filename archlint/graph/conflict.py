"""A shape that the file declares and that the operators contradict."""

from __future__ import annotations

from dataclasses import dataclass

from archlint.graph.value import Shape


@dataclass(frozen=True, slots=True)
class Conflict:
    """The declared shape of a tensor is not the one that follows from the graph."""

    tensor: str
    declared: Shape
    inferred: Shape
