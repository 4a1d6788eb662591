"""A gradient in the backward pass: its storage and its memory layout."""

from __future__ import annotations

from msgspec import Struct

from archlint.ops.strides import Strides


class Gradient(Struct, frozen=True):
    """The gradient of a tensor. `strides` is None where its shape is not known."""

    storage: int
    shape: tuple[int, ...]
    strides: Strides | None
    is_view: bool = False
