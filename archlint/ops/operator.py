"""The entry of an operator: everything that the analyses ask about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from archlint.ops.autocast import KEEPS, CastingFacet
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.cost import Cost
from archlint.ops.effect import Effect
from archlint.ops.links import InputLinks
from archlint.ops.saved import Gradients, SavedTensors
from archlint.ops.selection import Selection
from archlint.ops.storage import NEW, Storage
from archlint.ops.weight_origin import WeightOrigin

FRAMEWORK = "framework"
"""The domain of the operators that stand for what the framework ran."""


CostFacet: TypeAlias = Callable[[Call], Cost]
SavedFacet: TypeAlias = Callable[[Call, Gradients], SavedTensors]
LinksFacet: TypeAlias = Callable[[Call, int], InputLinks]
SignalFacet: TypeAlias = Callable[[Call], Effect]
MisfitFacet: TypeAlias = Callable[[Call], str | None]


class Operator(Struct, frozen=True):
    """The entry of one operator: its four facets, the roles of its inputs, and its storage.

    The facets are `cost`, the forward work; `saved`, what autograd saves for the backward pass;
    `links`, the receptive-field links of one output; and `signal`, the effect on random numbers
    (None: not known).

    Inputs. `weights` and `buffers` are the slots that hold parameters and running statistics when
    they come from the file; where `scalars_are_constants`, a one-element tensor there is a constant
    instead. `cached` are the slots of a KV cache. An operator that does not `reads_contents` uses
    only the shapes of its inputs, whose elements may be freed.

    Outputs. `origin` says whether an output is a weight, and `storage` where the outputs are
    stored. `selection` says which part of the first input an operator passes on, if it computes
    nothing and keeps the order.

    Backward pass. An operator that is not `differentiable` passes no gradient on, and none goes to
    its `undifferentiated` slots; else `backward` says where the gradients of the inputs come from.
    Where an operator reorders its inputs first, with `last_first`, the engine differentiates that
    of the last one before the others.

    Others. `misfit` explains why the sizes of a call contradict each other where onnx's own
    inference does not check; None where they do not. `casting` says what autocast does to the
    tensors.
    """

    name: str
    cost: CostFacet
    saved: SavedFacet
    links: LinksFacet
    signal: SignalFacet | None = None
    weights: tuple[int, ...] = ()
    buffers: tuple[int, ...] = ()
    scalars_are_constants: bool = False
    cached: tuple[int, ...] = ()
    reads_contents: bool = True
    origin: WeightOrigin = WeightOrigin.COMPUTED
    storage: Storage = NEW
    selection: Selection | None = None
    differentiable: bool = True
    undifferentiated: tuple[int, ...] = ()
    backward: Backward = Backward.MAKES
    last_first: bool = False
    domain: str = ""
    misfit: MisfitFacet | None = None
    casting: CastingFacet = KEEPS
