"""How the gradients of an operator's inputs follow from the gradient of its output."""

from __future__ import annotations

import enum


class Backward(enum.Enum):
    """Whether a backward pass allocates new gradients or reuses the gradient of its output.

    An addition passes the gradient of the sum to both operands without a copy, and the gradient of
    a view is a view of the gradient; both reduce the peak of live memory.
    """

    MAKES = "makes"  # a new tensor for each input that needs a gradient
    PASSES = "passes"  # the gradient itself, summed where the input was broadcast
    PASSES_FIRST = "passes first"  # as PASSES for the first input, new for the others
    REGROUPS = "regroups"  # a view of the gradient with reshaped or permuted axes
    CUTS = "cuts"  # a slice of the gradient for each input
    SPREADS = "spreads"  # the gradient expanded with stride 0, without a tensor of its own
