"""The entry of an operator: everything that the analyses ask about it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
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
    CHANNELS_OF_ALL = "channels of all"  # channels last where all inputs have them last
    FOLLOWS_FIRST = "follows first"  # that of the first input


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
    """One operator with its four facets and the roles of its inputs.

    `cost` is the forward work, `kept` what the backward pass needs, `sight` the receptive-field
    links of one output, `signal` what becomes of random numbers on the way (None: not known).

    `weights` and `buffers` are the input slots that hold parameters and running statistics when
    they come from the file, and `scalars_are_constants` tells that a one-element tensor there is a
    number of a formula. A weight that passes an operator that `carries_weight` (a transposition, a
    cast) is still the same weight; one that `creates_weight` stands for a weight itself, and one
    that `is_literal` for what is written down in the file. `selection` says how much of the first
    input an operator hands on that computes nothing and leaves its order alone.

    `view` gives the strides of an output that shares the first input's storage; without it, or
    where it answers None, the operator makes a new tensor, which lies as `layout` says. `backward`
    says where the gradients of the inputs come from, and `unview` is `view` backwards: the strides
    of the first input's gradient in the storage of the output's, where they follow from more than
    the shapes. `merged` is the shape that the gradient of the output is cut to: one that does not
    lie so is copied first. `misfit` says why the sizes of a call do not go together where onnx's
    own inference does not look, None where they do. `casting` says what autocast does to its
    tensors. `cached` are the slots of keys and values that are kept of earlier tokens when text is
    made. One that does not `reads_contents` asks for the shapes of its inputs alone: their elements
    may be gone. One whose tensors are commonly `in_variables` of the module that calls it (the
    queries, keys and values of attention, a list that is concatenated) may keep them alive until
    that module returns. The storage of an output that is made in the `room_of` an input is as large
    as that.
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
