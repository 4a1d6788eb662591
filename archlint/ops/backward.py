"""How the gradients of an operator's inputs follow from the gradient of its output."""

from __future__ import annotations

import enum


class Backward(enum.Enum):
    """Whether a backward pass makes new tensors or hands its own gradient on.

    An addition hands the gradient of the sum to both sides without a copy, and the gradient of a
    view is a view of the gradient; both change how much is alive at the worst instant.
    """

    MAKES = "makes"  # a new tensor for each input that needs a gradient
    PASSES = "passes"  # the gradient itself, summed where the input was broadcast
    PASSES_FIRST = "passes first"  # as PASSES for the first input, new for the others
    REGROUPS = "regroups"  # the gradient with its axes reshaped or moved
    CUTS = "cuts"  # a stretch of the gradient for each input
    SPREADS = "spreads"  # one value for many elements, without a tensor of its own
