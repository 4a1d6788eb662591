"""One gradient in a backward pass: its storage, and how it lies there."""

from __future__ import annotations

from dataclasses import dataclass

from archlint.ops.strides import Strides, is_dense


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of a tensor. `strides` is None where its shape is not known."""

    storage: int
    shape: tuple[int, ...]
    strides: Strides | None
    is_view: bool = False

    @property
    def fills_storage(self) -> bool:
        """Whether another gradient may be added to it in place."""
        if self.is_view or self.strides is None:
            return False
        return is_dense(self.shape, self.strides)
