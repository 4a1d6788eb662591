"""Which numbers are in fp16, and what fp16 makes of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import DType

if TYPE_CHECKING:
    from archlint.api import Model

LARGEST = 65504.0
OVERFLOWS = 65520.0  # halfway to the number that would come after the largest: rounds to infinity
SMALLEST = 2.0**-24  # a subnormal number
SMALLEST_NORMAL = 2.0**-14

WIDER = frozenset({DType.FLOAT32, DType.FLOAT64})


def becomes_half(model: Model) -> bool:
    """Whether the target says that the network runs in fp16, whatever the file holds.

    Mixed precision is not meant: autocast keeps numbers outside of products in fp32, and takes
    powers, norms and softmax in it.
    """
    target = model.target
    return target.deploy_dtype == "fp16" or target.training.precision == "fp16"


def is_half(dtype: DType | None) -> bool:
    """Whether a tensor of the file is in fp16."""
    return dtype is DType.FLOAT16


def runs_in_half(model: Model, name: str) -> bool:
    """Whether a tensor is in fp16, in the file or on the target."""
    value = model.graph.values.get(name)
    dtype = None if value is None else value.dtype
    return is_half(dtype) or (dtype in WIDER and becomes_half(model))


def rounded(value: float) -> float:
    """Return a positive number as fp16 has it, as far as it is zero or not."""
    return 0.0 if value <= SMALLEST / 2 else value
