"""A tensor during compilation."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

Dim: TypeAlias = int | str | None
"""A size, a symbol, or None where it is not known."""


class Tensor(Struct, frozen=True):
    """A tensor by its name; `dtype` is an `onnx.TensorProto.DataType`, shape None if unknown."""

    name: str
    dtype: int
    shape: tuple[Dim, ...] | None

    def __str__(self) -> str:
        """Its shape, for messages: (N, 64, 56, 56)."""
        return "(unknown)" if self.shape is None else shape_text(self.shape)


def shape_text(shape: tuple[Dim, ...]) -> str:
    """Write a shape for people; an unknown size is a question mark."""
    inside = ", ".join("?" if dim is None else str(dim) for dim in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
