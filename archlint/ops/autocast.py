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
    """In which format an operator takes its float inputs, and the format of its output."""

    WIDEST = "widest"  # takes them as they are, answers in the widest of their formats
    FIRST = "first"  # takes them as they are, answers in the format of the first
    HALF = "half"  # casts all to half precision
    SINGLE = "single"  # casts all to fp32
    ANSWERS_SINGLE = "answers single"  # takes them as they are, answers in fp32
    JOINED = "joined"  # casts all to the widest of their formats
    STATED = "stated"  # answers in the format that the file states
    LIKE = "like"  # answers in the format of the last


CastingFacet: TypeAlias = Callable[[Call, Lists], Casting]


def casts(cpu: Casting, cuda: Casting) -> CastingFacet:
    """Return a casting that depends on nothing but the device."""

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
