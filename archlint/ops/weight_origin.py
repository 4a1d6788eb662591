"""How the output of an operator relates to the weights of a model."""

from __future__ import annotations

import enum


class WeightOrigin(enum.Enum):
    """Whether an output is a weight: the one that came in, or one that the operator makes."""

    COMPUTED = "computed"  # no weight
    SAME = "same"  # the weight of the first input, in another layout or format
    CREATED = "created"  # a weight that the operator itself makes, as of random numbers
    LITERAL = "literal"  # numbers that are written in the file
