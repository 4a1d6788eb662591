"""The first numbers of stored tensors, which the caller of a restoration reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

ReadFirst: TypeAlias = "Callable[[str, int], np.ndarray | None]"
"""Reads the first numbers of a tensor, up to a count; None where its bytes are missing."""


def reads_nothing(_: str, __: int) -> np.ndarray | None:
    """Read no numbers, where there are none to read."""
    return None
