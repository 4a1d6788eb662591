"""What an operator does to a signal at initialization, when weights are random.

The effects are those of mean-field theory: which elements are summed, with how many random weights,
and which function each goes through (Poole et al. 2016; Schoenholz et al. 2017).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from archlint.ops.fan import Fan
from archlint.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Function: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@record
class Passes:
    """Elements of one input are moved, named or left out; each keeps its distribution.

    `in_place` tells that each stays where it is, so that it can be joined with what it was before.
    In training, the share `dropped` becomes zero and the others grow to keep the mean.
    """

    slot: int = 0
    in_place: bool = False
    dropped: float = 0.0


@record
class Holds:
    """Every element is one number, whatever the inputs are."""

    value: float = 0.0


@record
class Activates:
    """A function of each element, by the name of its operator.

    `published` are gains in use behind it, besides those that follow from the function; the one to
    draw with is first. One that `is_gate` makes factors for other signals: it is no activation of
    hidden layers.
    """

    name: str
    function: Function
    slot: int = 0
    published: tuple[float, ...] = ()
    is_gate: bool = False


@record
class Sums:
    """Products of two factors are summed; either factor may be the weight.

    `fan` says how many; `fill` is the share of them that is not with padding, averaged over the
    output. `scale` multiplies the sum. `bias` is the slot of an offset, where there is one.
    """

    fan: Fan
    factors: tuple[int, int] = (0, 1)
    bias: int | None = None
    fill: float = 1.0
    scale: float = 1.0


@record
class Recurs:
    """A cell with `gates` gates reads a sequence of `steps`; `fans` are those of its weights."""

    fans: tuple[tuple[int, Fan], ...]
    gates: int
    steps: int


@record
class Attends:
    """Values are averaged with the softmax of scaled scores, over `length` positions."""

    query: int
    key: int
    value: int
    length: int
    causal: bool = False


class Operation(enum.Enum):
    """How elements of several inputs are joined, one by one."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"


@record
class Combines:
    """Elements of the inputs in `slots` are joined one by one."""

    operation: Operation
    slots: tuple[int, ...]


@record
class Joins:
    """The inputs in `slots` lie beside each other in the output."""

    slots: tuple[int, ...]


class Pooling(enum.Enum):
    """What is taken of a group of elements."""

    MEAN = "mean"
    TOTAL = "total"
    LARGEST = "largest"


@record
class Pools:
    """Groups of `count` elements, at neighbouring positions, become one."""

    pooling: Pooling
    count: int
    fill: float = 1.0


class Over(enum.Enum):
    """Which elements a normalization brings to a common scale."""

    BATCH = "batch"  # a channel over the batch and the positions; running statistics in inference
    PLANE = "plane"  # a channel of one sample over its positions
    FEATURES = "features"  # all features of one sample or position
    NEIGHBOURS = "neighbours"  # a few channels around each: the scale stays about as it was


@record
class Normalizes:
    """Elements are divided by their scale, then multiplied and shifted by learned numbers.

    `centred` tells whether the mean is taken away first, `epsilon` what is added to the square of
    the scale, which counts where that is small.
    """

    over: Over
    gain: int | None = None
    shift: int | None = None
    centred: bool = True
    epsilon: float = 0.0


@record
class Shares:
    """Softmax: numbers from 0 to 1 whose sum is 1 over `length` positions.

    A `causal` one leaves out the positions after its own.
    """

    length: int
    causal: bool = False


@record
class LooksUp:
    """Rows of the table in `slot` are picked by the integers of another input."""

    slot: int = 0


Effect: TypeAlias = (
    Passes
    | Holds
    | Activates
    | Sums
    | Recurs
    | Attends
    | Combines
    | Joins
    | Pools
    | Normalizes
    | Shares
    | LooksUp
)
