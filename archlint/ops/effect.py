"""What an operator does to a signal at initialization, when weights are random.

The effects are those of mean-field theory: which elements are summed, with how many random weights,
and which function each goes through (Poole et al. 2016; Schoenholz et al. 2017).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from archlint.ops.fan import Fan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Function: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Passes(Struct, frozen=True):
    """Elements of one input are moved, renamed or dropped; each keeps its distribution.

    `in_place` means that each element keeps its position, so that the output can be combined with
    the input again. In training, the share `dropped` becomes zero and the others are scaled up to
    keep the mean (dropout).
    """

    slot: int = 0
    in_place: bool = False
    dropped: float = 0.0


class Holds(Struct, frozen=True):
    """Every element is the same constant, whatever the inputs are."""

    value: float = 0.0


class Activates(Struct, frozen=True):
    """A function is applied to each element; it is named by its operator.

    `published` are gains in common use, besides those that follow from the function; the first is
    the one to recommend. A function that `is_gate` makes factors for other signals and is not an
    activation of hidden layers.
    """

    name: str
    function: Function
    slot: int = 0
    published: tuple[float, ...] = ()
    is_gate: bool = False


class Sums(Struct, frozen=True):
    """Sums of products of two factors; either factor may be the weight.

    `fan` is the number of products per sum; `fill` is the share of them that is not with padding,
    averaged over the output. `scale` multiplies the sum. `bias` is the slot of an offset, if any.
    `axes` says for each factor along which of its axes a weight there has the output channels, None
    where along none alone.
    """

    fan: Fan
    factors: tuple[int, int] = (0, 1)
    bias: int | None = None
    fill: float = 1.0
    scale: float = 1.0
    axes: tuple[int | None, int | None] = (None, None)


class Recurs(Struct, frozen=True):
    """A cell with `gates` gates reads a sequence of `steps`; `fans` are those of its weights."""

    fans: tuple[tuple[int, Fan], ...]
    gates: int
    steps: int


class Attends(Struct, frozen=True):
    """Values are averaged with softmax weights of scaled scores, over `length` positions."""

    query: int
    key: int
    value: int
    length: int
    causal: bool = False


class Operation(enum.Enum):
    """How elements of several inputs are combined."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"


class Combines(Struct, frozen=True):
    """Elements of the inputs in `slots` are combined elementwise."""

    operation: Operation
    slots: tuple[int, ...]


class Joins(Struct, frozen=True):
    """The inputs in `slots` are concatenated."""

    slots: tuple[int, ...]


class Pooling(enum.Enum):
    """What a pooling takes of each window."""

    MEAN = "mean"
    TOTAL = "total"
    LARGEST = "largest"


class Pools(Struct, frozen=True):
    """Each output is pooled from `count` neighbouring elements."""

    pooling: Pooling
    count: int
    fill: float = 1.0


class Over(enum.Enum):
    """Which elements share the statistics of a normalization."""

    BATCH = "batch"  # a channel over the batch and the positions; running statistics in inference
    PLANE = "plane"  # a channel of one sample over its positions
    FEATURES = "features"  # all features of one sample or position
    NEIGHBOURS = "neighbours"  # a few channels around each: the scale stays about as it was


class Normalizes(Struct, frozen=True):
    """Elements are divided by their scale, then multiplied and shifted by learned parameters.

    Where `centred`, the mean is subtracted first. `epsilon` is added to the square of the scale.
    """

    over: Over
    gain: int | None = None
    shift: int | None = None
    centred: bool = True
    epsilon: float = 0.0

    @property
    def resets_scale(self) -> bool:
        """Whether the scale behind it is independent of that before; neighbours only dampen it."""
        return self.over is not Over.NEIGHBOURS


class Shares(Struct, frozen=True):
    """Softmax: weights between 0 and 1 that sum to 1 over `length` positions.

    Where `causal`, positions after a position's own are excluded.
    """

    length: int
    causal: bool = False


class LooksUp(Struct, frozen=True):
    """Rows of the table in `slot` are selected by the integers of another input."""

    slot: int = 0


class MeasuresLoss(Struct, frozen=True):
    """A loss, or the logarithms for one, is computed from the model's scores in the first input.

    Where `takes_softmax`, a softmax of the scores is part of it.
    """

    takes_softmax: bool = True


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
    | MeasuresLoss
)


def read_slots(  # noqa: PLR0911 - a line for each kind of effect
    effect: Effect,
) -> tuple[int, ...]:
    """Return the slots of the inputs without which there is no such effect."""
    match effect:
        case Holds():
            return ()
        case Passes() | Activates() | LooksUp():
            return (effect.slot,)
        case Combines() | Joins():
            return effect.slots
        case Sums():
            return effect.factors
        case Attends():
            return effect.query, effect.key, effect.value
        case Recurs():
            return 0, *(slot for slot, _ in effect.fans)
        case Pools() | Normalizes() | Shares() | MeasuresLoss():
            return (0,)
