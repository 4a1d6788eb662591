"""What number formats do to a training step: all in half precision, or only its products."""

from __future__ import annotations

from dataclasses import replace

from archlint.analysis.parameters import Parameters
from archlint.graph.dtype import DType
from archlint.graph.graph import Graph

HALF = frozenset({"bf16", "fp16"})
MIXED = frozenset({"bf16-mixed", "fp16-mixed"})
_COPY_BYTES = 2  # of a weight's value, as products take it


def halved(graph: Graph, precision: str) -> Graph:
    """Return the graph with every fp32 tensor in the half precision that `precision` names."""
    half = DType.BFLOAT16 if precision.startswith("bf16") else DType.FLOAT16
    values = {
        name: replace(value, dtype=half) if value.dtype is DType.FLOAT32 else value
        for name, value in graph.values.items()
    }
    return replace(graph, values=values)


def weight_copies(parameters: Parameters) -> int:
    """Return the bytes of the half-precision copies of weights that autocast keeps for a step.

    Matrices and kernels are copied whatever the batch; biases and scales are counted too, so that
    this is an upper end.
    """
    return _COPY_BYTES * parameters.count
