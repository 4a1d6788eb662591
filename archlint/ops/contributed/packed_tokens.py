"""Packed sequences of different lengths, concatenated without padding."""

from __future__ import annotations

from itertools import pairwise

from archlint.ops.call import Call
from archlint.ops.undetermined import Undetermined


def pairs_within(call: Call, slot: int) -> int:
    """Return how many pairs of positions are of one sequence; their ends are in an input."""
    ends = call.constant(slot)
    if ends is None:
        raise Undetermined("the lengths of packed sequences depend on the data")
    places = [int(end) for end in ends.reshape(-1)]
    return sum((end - start) ** 2 for start, end in pairwise(places))
