"""What autocast does to the number formats of an operator's tensors.

PyTorch registers this by operator, in two lists: one for the CPU and one for GPUs
(aten/src/ATen/autocast_mode.cpp, torch 2.13).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeAlias

from archlint.ops.call import Call
from archlint.ops.undetermined import Undetermined


class Lists(enum.Enum):
    """Which of PyTorch's lists autocast uses."""

    CPU = "cpu"
    CUDA = "cuda"


class Casting(enum.Enum):
    """The format that an operator casts its float inputs to, and the format of its output."""

    WIDEST = "widest"  # inputs are not cast; the output has the widest of their formats
    FIRST = "first"  # inputs are not cast; the output has the format of the first
    HALF = "half"  # all inputs are cast to half precision
    SINGLE = "single"  # all inputs are cast to fp32
    ANSWERS_SINGLE = "answers single"  # inputs are not cast; the output is fp32
    JOINED = "joined"  # all inputs are cast to the widest of their formats
    STATED = "stated"  # the output has the format that the file states
    LIKE = "like"  # the output has the format of the last input


CastingFacet: TypeAlias = Callable[[Call, Lists], Casting]


def casts(cpu: Casting, cuda: Casting) -> CastingFacet:
    """Return a casting that depends on the device only."""

    def casting(_: Call, lists: Lists) -> Casting:
        return cpu if lists is Lists.CPU else cuda

    return casting


def varies(why: str) -> CastingFacet:
    """Return the casting of an operator whose composition in PyTorch is not known from the file."""

    def casting(_: Call, __: Lists) -> Casting:
        raise Undetermined(why)

    return casting


def in_volumes(call: Call, lists: Lists) -> Casting:
    """The CPU pools volumes in fp32, and images and sequences in any format."""
    return Casting.SINGLE if lists is Lists.CPU and call.rank(0) == 5 else Casting.WIDEST


KEEPS = casts(Casting.WIDEST, Casting.WIDEST)
KEEPS_FIRST = casts(Casting.FIRST, Casting.FIRST)
IN_HALF = casts(Casting.HALF, Casting.HALF)
IN_SINGLE = casts(Casting.SINGLE, Casting.SINGLE)
SINGLE_ON_GPU = casts(Casting.WIDEST, Casting.SINGLE)
FIRST_OR_SINGLE = casts(Casting.FIRST, Casting.SINGLE)
SUMS = casts(Casting.WIDEST, Casting.ANSWERS_SINGLE)
STATES = casts(Casting.STATED, Casting.STATED)
TAKES_AFTER = casts(Casting.LIKE, Casting.LIKE)
