"""One gradient in a backward pass: its storage, and how it lies there."""

from __future__ import annotations

from dataclasses import dataclass

from archlint.ops.strides import Strides


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of a tensor. `strides` is None where its shape is not known."""

    storage: int
    shape: tuple[int, ...]
    strides: Strides | None
    is_view: bool = False
