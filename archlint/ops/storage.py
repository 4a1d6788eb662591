"""Where the outputs of an operator are stored: as views, or in new memory with which strides."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from archlint.ops.call import Call
from archlint.ops.strides import Strides


class Layout(enum.Enum):
    """The order of axes in which the storage of a new tensor is filled."""

    ROW_MAJOR = "row-major"
    FOLLOWS = "follows"  # that of the inputs, as pointwise operators do
    CHANNELS = "channels"  # channels last where the input has them last, else row-major
    CHANNELS_OR_SIGNALS = "channels or signals"  # the same, also for signals of one axis
    CHANNELS_OF_ALL = "channels of all"  # channels last where all inputs have them last
    FOLLOWS_FIRST = "follows first"  # that of the first input


AS_CHANNELS: Mapping[Layout, int] = MappingProxyType(
    {Layout.CHANNELS: 4, Layout.CHANNELS_OR_SIGNALS: 3, Layout.CHANNELS_OF_ALL: 4}
)
"""The layouts with channels last where the input has them last, and the fewest axes for that."""

LayoutFacet: TypeAlias = Callable[[Call, Sequence["Strides | None"]], Strides]
"""The strides of a new output, by those of the inputs (None where they are not known)."""

ShapeFacet: TypeAlias = Callable[[Call], tuple[int, ...]]

ViewFacet: TypeAlias = Callable[[Call, int, Strides], "Strides | None"]
"""The strides of output `int` within the storage of the first input; None for a new tensor."""


class Storage(Struct, frozen=True):
    """Which storage the outputs of an operator and the gradients of its inputs use.

    `view` gives the strides of an output that shares the storage of the first input; without it, or
    where it returns None, the output is a new tensor whose strides follow from `layout`. The
    storage of a new output is as large as that of input `allocated_like`, if there is one. Outputs
    that are `held_by_variables` (attention, concatenations) are often local variables of the
    calling module, and may stay alive until that module returns.

    In the backward pass, `gradient_view` is the inverse of `view`: the strides of the gradient of
    the first input within the gradient of the output, where they do not follow from the shapes
    alone. The gradient of the output is viewed with `gradient_shape`; where its strides do not
    allow that, it is copied first.
    """

    view: ViewFacet | None = None
    layout: Layout | LayoutFacet = Layout.ROW_MAJOR
    allocated_like: int | None = None
    held_by_variables: bool = False
    gradient_view: ViewFacet | None = None
    gradient_shape: ShapeFacet | None = None


NEW = Storage()
"""A new row-major tensor for each output."""

LIKE_INPUTS = Storage(layout=Layout.FOLLOWS)
"""A new tensor with the strides of the inputs, as pointwise operators make."""

CHANNELS_LAST = Storage(layout=Layout.CHANNELS)
"""A new tensor that is channels last where the input is."""

CHANNELS_OR_SIGNALS_LAST = Storage(layout=Layout.CHANNELS_OR_SIGNALS)
"""The same, also for signals of one axis."""
