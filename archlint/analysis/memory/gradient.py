"""A gradient in the backward pass: its storage and its memory layout."""

from __future__ import annotations

from archlint.ops.strides import Strides
from archlint.record import record


@record
class Gradient:
    """The gradient of a tensor. `strides` is None where its shape is not known."""

    storage: int
    shape: tuple[int, ...]
    strides: Strides | None
    is_view: bool = False
