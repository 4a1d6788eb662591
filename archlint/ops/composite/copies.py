"""Copies, and what exporters leave out or write as a copy although nothing was copied."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.program.calls import ExportedCall
from archlint.graph.program.frames import is_cloned
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.pattern import Matching, Tensor, made
from archlint.ops.facets import saves_nothing
from archlint.ops.storage import LIKE_INPUTS, Layout, Storage
from archlint.ops.strides import (
    Strides,
    contiguous,
    views_same,
)

# A slice of a whole axis, from indexing: tracing records it, although nothing is executed for it.
_WHOLE = made("Slice", Tensor("x"), label="part")


def _is_all(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a slice of the whole tensor in its order."""
    whole, part = matching.tensors["x"], matching.tensors["part"]
    sizes = graph.values[whole].sizes
    if sizes is None or graph.values[part].sizes != sizes:
        return None
    given = graph.producers[part].inputs[4:]
    steps = [graph.constants.get(name) for name in given if name]
    return NONE if all(step is not None and (step == 1).all() for step in steps) else None


def views_promoted(call: Call, _: int, strides: Strides) -> Strides | None:
    """Integers among floats are not converted."""
    dtype = call.input(0).dtype
    return None if dtype is None or dtype.is_float else strides


def views_contiguous(call: Call, _: int, strides: Strides) -> Strides | None:
    """A contiguous tensor is not copied."""
    return strides if strides == contiguous(call.shape(0)) else None


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator(
                "Contiguous",
                saved=saves_nothing,
                storage=Storage(view=views_contiguous),
                backward=Backward.PASSES,
            ),
            targets=("aten.clone.default", "aten.contiguous.default"),
            reads=_reads_format,
        ),
        Composite(
            framework_operator(
                "Clone", saves_nothing, backward=Backward.PASSES, storage=LIKE_INPUTS
            ),
            targets=("aten.clone.default",),
            reads=_reads_clone,
        ),
        Composite(
            framework_operator(
                "Same",
                saved=saves_nothing,
                storage=Storage(view=views_same, layout=Layout.FOLLOWS),
                backward=Backward.PASSES,
            ),
            (Form(_WHOLE, ("x",), _is_all),),
            ("aten.clone.default", "aten.alias.default", "aten.dropout.default"),
            reads=_reads_no_dropout,
        ),
        # A cast that PyTorch does not make: an operator takes numbers of two types.
        Composite(
            framework_operator("Promotion", saves_nothing, storage=Storage(view=views_promoted)),
            targets=("prims.convert_element_type.default",),
        ),
    )


def _reads_format(call: ExportedCall) -> Attributes | None:
    """Accept a copy with a memory format; one without is the remainder of a dropout."""
    asked = call.target != "aten.clone.default" or "memory_format" in call.keywords
    return NONE if asked else None


def _reads_clone(call: ExportedCall) -> Attributes | None:
    return NONE if any(map(is_cloned, call.nodes)) else None


def _reads_no_dropout(call: ExportedCall) -> Attributes | None:
    return None if call.target == "aten.dropout.default" else NONE
