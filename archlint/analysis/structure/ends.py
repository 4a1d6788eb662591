"""What a signal comes from, and what it ends in."""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.node import Node
from archlint.ops.effect import Activates

if TYPE_CHECKING:
    from archlint.ops.effect import Function


class Kind(enum.Enum):
    """What sets the scale of a tensor, or removes it."""

    DATA = "data"  # an input of the model
    STORED = "stored"  # a weight
    ACTIVATION = "activation"
    GATE = "gate"  # a function that makes factors from 0 to 1 for another signal, or a softmax
    NORMALIZATION = "normalization"
    SUM = "sum"
    OUTPUT = "output"
    OTHER = "other"

    __hash__ = object.__hash__  # that of Enum is written in Python


class Origin(Struct, frozen=True):
    """What set the scale of a tensor; `activation` where that is an elementwise function."""

    kind: Kind
    node: Node | None = None
    activation: Activates | None = None

    @property
    def is_rectified(self) -> bool:
        """Whether it comes out of a ReLU, or of one that is cut off far above (ReLU6)."""
        return self.activation is not None and _rectifies(self.activation.function)


@lru_cache(maxsize=64)
def _rectifies(function: Function) -> bool:
    import numpy as np

    probe = np.array([-2.0, -1.0, 1.0, 2.0])
    with np.errstate(all="ignore"):  # a root of what is negative is no ReLU either
        return bool((function(probe) == [0, 0, 1, 2]).all())


class Sink(Struct, frozen=True):
    """What a tensor ends in; `joins` means that it is added to another path on the way."""

    kinds: frozenset[Kind]
    joins: bool = False

    @property
    def is_normalized(self) -> bool:
        """Whether every path ends in a normalization."""
        return self.kinds == {Kind.NORMALIZATION}

    @property
    def opens_gate(self) -> bool:
        """Whether every path ends in a gate, half open at zero, or in shares, equal at zero."""
        return self.kinds == {Kind.GATE}

    @property
    def is_final(self) -> bool:
        """Whether every path ends in an output of the model."""
        return self.kinds == {Kind.OUTPUT}
