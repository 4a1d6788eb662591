"""The graph of a training step in the chosen number format."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph

HALF = frozenset({"bf16", "fp16"})
MIXED = frozenset({"bf16-mixed", "fp16-mixed"})


class Formatted(Struct, frozen=True, eq=False):
    """A graph in the number formats of training.

    `cached` are half-precision copies of parameters, which live until the forward pass ends.
    `reasons` says why formats are unknown, where they are.
    """

    graph: Graph
    cached: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def half_format(precision: str) -> DType:
    """Return the half-precision format that a precision names."""
    return DType.BFLOAT16 if precision.startswith("bf16") else DType.FLOAT16


def halved(graph: Graph, precision: str) -> Graph:
    """Return the graph with every fp32 tensor in the half precision that `precision` names."""
    half = half_format(precision)
    values = {
        name: replace(value, dtype=half) if value.dtype is DType.FLOAT32 else value
        for name, value in graph.values.items()
    }
    return replace(graph, values=values)
