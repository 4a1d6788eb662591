"""Which numbers are in fp16, and what fp16 makes of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import DType

if TYPE_CHECKING:
    from archlint.api import Model

OVERFLOWS = 65520.0  # halfway from the largest, 65504, to what would come next: rounds up
SMALLEST = 2.0**-24  # a subnormal number
SMALLEST_NORMAL = 2.0**-14

_WIDER = frozenset({DType.FLOAT32, DType.FLOAT64})


def becomes_half(model: Model) -> bool:
    """Whether the target says that the network runs in fp16, whatever the file holds.

    Mixed precision is not meant: autocast keeps numbers outside of products in fp32, and takes
    powers, norms and softmax in it.
    """
    target = model.target
    return target.deploy_dtype == "fp16" or target.training.precision == "fp16"


def is_half(model: Model, name: str) -> bool:
    """Whether a tensor of the file is in fp16."""
    return _dtype(model, name) is DType.FLOAT16


def is_wider(model: Model, name: str) -> bool:
    """Whether a tensor of the file is in fp32 or fp64."""
    return _dtype(model, name) in _WIDER


def runs_in_half(model: Model, name: str) -> bool:
    """Whether a tensor is in fp16, in the file or on the target."""
    return is_half(model, name) or (is_wider(model, name) and becomes_half(model))


def _dtype(model: Model, name: str) -> DType | None:
    value = model.graph.values.get(name)
    return None if value is None else value.dtype


def rounded(value: float) -> float:
    """Return a positive number as fp16 has it, as far as it is zero or not."""
    return 0.0 if value <= SMALLEST / 2 else value
