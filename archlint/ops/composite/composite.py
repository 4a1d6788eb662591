"""A composite: one framework operator, and how exporters write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Attribute
from archlint.graph.program.calls import ExportedCall
from archlint.graph.program.frames import source_line
from archlint.graph.value import Shape
from archlint.ops.autocast import KEEPS, CastingFacet
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.composite.pattern import Matching, Pattern
from archlint.ops.facets import no_cost
from archlint.ops.links import InputLinks
from archlint.ops.operator import FRAMEWORK, CostFacet, Operator, SavedFacet, SignalFacet
from archlint.ops.storage import NEW, Storage
from archlint.ops.undetermined import Undetermined

Attributes: TypeAlias = Mapping[str, Attribute]
NONE: Attributes = {}

Accepts: TypeAlias = Callable[[Matching, Graph], "Attributes | None"]
"""The attributes of an operator by a match of its form, None where it is something else."""

PERHAPS_WRITTEN = "perhaps_written"
"""The attribute of a call that a program may as well have written out in steps."""

ShapeOf: TypeAlias = Callable[[int, Sequence["Shape | None"]], "Shape | None"]
"""The shape of an argument, by its index and the shapes of all and of the result, which comes last.

None where it is not implied.
"""


def sees_unknown(_: Call, __: int) -> InputLinks:
    """Receptive fields are computed on the operators of the file, not on these."""
    raise Undetermined("an operator of the framework stands for several of the file")


def reads_nothing(_: ExportedCall) -> Attributes | None:
    """The operator has no attributes: its memory depends only on its tensors."""
    return NONE


def fits(_: Matching, __: Graph) -> Attributes | None:
    """Accept every match of the pattern."""
    return NONE


def is_called(matching: Matching, name: str) -> bool:
    """Whether the source line of a match calls a function of that name."""
    return f"{name}(" in source_line(matching.nodes[0])


def if_called(name: str) -> Accepts:
    """Return a filter for matches whose source line calls a function of that name."""
    return lambda matching, _: NONE if is_called(matching, name) else None


class Form(Struct, frozen=True):
    """How an exporter writes the operator.

    `inputs` are the pattern's labels for the operator's inputs, "" for one that is absent.
    `attributes` looks at a match and answers None where it is something else after all. A form that
    `spans_calls` is looked for even where torch.export names the parts. One that people write
    `by_hand` computes the same, but the framework runs it step by step and saves what each needs.
    """

    pattern: Pattern
    inputs: tuple[str, ...] = ("x",)
    attributes: Accepts = fits
    spans_calls: bool = False
    by_hand: bool = False


class Composite(Struct, frozen=True):
    """An operator of the framework with the forms that it takes in a file.

    `targets` are the names that torch.export gives it in the metadata of nodes, and `arguments` the
    places of its tensors among the arguments there. `shape_of` tells the shape of an argument that
    an optimizer gave other axes.
    """

    operator: Operator
    forms: tuple[Form, ...] = ()
    targets: tuple[str, ...] = ()
    arguments: tuple[int, ...] = (0,)
    reads: Callable[[ExportedCall], Attributes | None] = reads_nothing
    shape_of: ShapeOf | None = None


def framework_operator(  # noqa: PLR0913 - a keyword a facet
    name: str,
    saved: SavedFacet,
    *,
    signal: SignalFacet | None = None,
    weights: tuple[int, ...] = (),
    storage: Storage = NEW,
    backward: Backward = Backward.MAKES,
    differentiable: bool = True,
    casting: CastingFacet = KEEPS,
    cached: tuple[int, ...] = (),
    cost: CostFacet = no_cost,
) -> Operator:
    """Return the entry of an operator of the framework: its memory facets and its signal."""
    return Operator(
        name,
        cost,
        saved,
        sees_unknown,
        signal,
        weights=weights,
        storage=storage,
        backward=backward,
        differentiable=differentiable,
        domain=FRAMEWORK,
        casting=casting,
        cached=cached,
    )
