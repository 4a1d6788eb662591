"""The numbers of stored tensors, as facts about a graph ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archlint.sources.part import Part
    from archlint.sources.statistics import Statistics

Describe: TypeAlias = "Callable[[str], Statistics | None]"
"""Returns sampled statistics of a tensor; None where its numbers are not known."""

ReadFirst: TypeAlias = "Callable[[str, int], NDArray[np.float64] | None]"
"""Returns the first numbers of a tensor, up to a count; None where they are not known."""


class TensorNumbers(Protocol):
    """Reads the numbers of stored tensors, which are given by their names."""

    @property
    def inside(self) -> TensorNumbers:
        """Those of the tensors in branches and bodies of loops, as far as a name is not taken."""

    def describe(self, name: str, /) -> Statistics | None:
        """Return sampled statistics of a tensor; None where its numbers are not known."""

    def first(self, name: str, count: int, /) -> NDArray[np.float64] | None:
        """Return the first `count` numbers of a tensor; None where they are not known."""

    def within(self, name: str, part: Part, /) -> tuple[int, ...]:
        """Return the channels of a tensor whose numbers are all known to be in a range."""

    def is_transposed(self, matrix: str, other: str, /) -> bool:
        """Whether a matrix is known to hold the numbers of another one, transposed."""


class UnknownNumbers:
    """Knows the numbers of no tensor, as where a graph has no file."""

    @property
    def inside(self) -> TensorNumbers:
        """Nothing either."""
        return self

    def describe(self, _: str, /) -> Statistics | None:
        """Return None: nothing is known."""
        return None

    def first(self, _: str, __: int, /) -> NDArray[np.float64] | None:
        """Return None: nothing is known."""
        return None

    def within(self, _: str, __: Part, /) -> tuple[int, ...]:
        """Return no channel: nothing is known."""
        return ()

    def is_transposed(self, _: str, __: str, /) -> bool:
        """Return false: nothing is known."""
        return False
