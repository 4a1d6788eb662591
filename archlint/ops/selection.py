"""Which part of its first input an operator passes on unchanged."""

from __future__ import annotations

import enum


class Selection(enum.Enum):
    """Which elements of its first input an operator outputs, in unchanged order.

    An operator that permutes or reshapes axes, or computes anything, has none.
    """

    ALL = "all"  # every element, in one output or in pieces
    PART = "part"  # those that a range or indices choose
