"""Which part of its first input an operator passes on unchanged."""

from __future__ import annotations

import enum


class Selection(enum.Enum):
    """What the outputs of an operator hold of its first input, in the order that it has there.

    An operator that changes the order of axes, cuts them anew or computes anything has none.
    """

    ALL = "all"  # every element, in one output or in pieces
    PART = "part"  # those that a range or indices choose
