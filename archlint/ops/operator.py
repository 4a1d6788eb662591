"""The entry of an operator: everything that the analyses ask about it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from archlint.ops.autocast import KEEPS, CastingFacet
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.cost import Cost
from archlint.ops.effect import Effect
from archlint.ops.kept import Gradients, Kept
from archlint.ops.links import Sight
from archlint.ops.selection import Selection
from archlint.ops.strides import Strides
from archlint.record import record

FRAMEWORK = "framework"
"""The domain of the operators that stand for what the framework ran."""


class Layout(enum.Enum):
    """The order of axes in which the storage of a new tensor is filled."""

    ROW_MAJOR = "row-major"
    FOLLOWS = "follows"  # that of the inputs, as pointwise operators do
    CHANNELS = "channels"  # channels last where the input has them last, else row-major
    CHANNELS_OR_SIGNALS = "channels or signals"  # the same of signals of one axis too
    CHANNELS_OF_ALL = "channels of all"  # channels last where all inputs have them last
    FOLLOWS_FIRST = "follows first"  # that of the first input


AS_CHANNELS: Mapping[Layout, int] = MappingProxyType(
    {Layout.CHANNELS: 4, Layout.CHANNELS_OR_SIGNALS: 3, Layout.CHANNELS_OF_ALL: 4}
)
"""The layouts with channels last where the input has them last, and the fewest axes for that."""

CostFacet: TypeAlias = Callable[[Call], Cost]
KeptFacet: TypeAlias = Callable[[Call, Gradients], Kept]
SightFacet: TypeAlias = Callable[[Call, int], Sight]
SignalFacet: TypeAlias = Callable[[Call], Effect]
LayoutFacet: TypeAlias = Callable[[Call, Sequence["Strides | None"]], Strides]
MisfitFacet: TypeAlias = Callable[[Call], str | None]
ShapeFacet: TypeAlias = Callable[[Call], tuple[int, ...]]
ViewFacet: TypeAlias = Callable[[Call, int, Strides], "Strides | None"]


@record
class Operator:
    """The entry of one operator: its four facets, the roles of its inputs, and how it uses memory.

    The facets are `cost`, the forward work; `kept`, what autograd saves for the backward pass;
    `sight`, the receptive-field links of one output; and `signal`, the effect on random numbers
    (None: not known).

    Roles of inputs. `weights` and `buffers` are the slots that hold parameters and running
    statistics when they come from the file; where `scalars_are_constants`, a one-element tensor
    there is a constant instead. A weight that goes through an operator that `carries_weight` (a
    transposition, a cast) is still the same weight; one that `creates_weight` makes a weight
    itself, and one that `is_literal` makes what the file spells out. `cached` are the slots of a KV
    cache. An operator that does not `reads_contents` uses only the shapes of its inputs, whose
    elements may be freed.

    Memory. `view` gives the strides of an output that shares the storage of the first input;
    without it, or where it returns None, the operator makes a new tensor, laid out as `layout`
    says. `backward` says where the gradients of the inputs come from. `unview` is the inverse of
    `view`: the strides of the first input's gradient within the output's gradient, where they do
    not follow from the shapes alone. `merged` is the shape to which the gradient of the output is
    viewed; where its strides do not allow that, it is copied first. The storage of an output that
    is made in the `room_of` an input is as large as that of the input. Tensors of an operator that
    is `in_variables` (attention, concatenations) are often held by variables of the calling module,
    and may stay alive until that module returns.

    Others. `selection` says which part of the first input an operator passes on, if it computes
    nothing and keeps the order. `misfit` explains why the sizes of a call contradict each other
    where onnx's own inference does not check; None where they do not. `casting` says what autocast
    does to its tensors.
    """

    name: str
    cost: CostFacet
    kept: KeptFacet
    sight: SightFacet
    signal: SignalFacet | None = None
    weights: tuple[int, ...] = ()
    buffers: tuple[int, ...] = ()
    scalars_are_constants: bool = False
    view: ViewFacet | None = None
    carries_weight: bool = False
    creates_weight: bool = False
    is_literal: bool = False
    selection: Selection | None = None
    differentiable: bool = True
    domain: str = ""
    layout: Layout | LayoutFacet = Layout.ROW_MAJOR
    backward: Backward = Backward.MAKES
    unview: ViewFacet | None = None
    merged: ShapeFacet | None = None
    misfit: MisfitFacet | None = None
    casting: CastingFacet = KEEPS
    reads_contents: bool = True
    in_variables: bool = False
    cached: tuple[int, ...] = ()
    room_of: int | None = None
