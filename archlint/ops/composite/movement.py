"""Splits, copies and rolls, which exporters write as slices or leave out."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.exported import ExportedCall
from archlint.ops.composite.pattern import Matching, Tensor, made
from archlint.ops.facets import keeps_nothing
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.operator import Layout
from archlint.ops.strides import Strides, contiguous, views_cut, views_reshaped, views_same

# How attention cuts a projection to queries, keys and values into three: it makes the result
# contiguous, which the exporter leaves out.
_PACKED = made(
    "Squeeze", made("Transpose", made("Unsqueeze", Tensor("x")), label="moved"), label="packed"
)


def _swaps(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept the exchange of the new first axis with the last but one."""
    order = graph.producers[matching.tensors["moved"]].attributes.get("perm")
    if not isinstance(order, tuple) or len(order) != 5:
        return None
    return NONE if order == (3, 1, 2, 0, 4) else None


def views_unbound(call: Call, _: int, strides: Strides) -> Strides:
    """One place along an axis for each output."""
    axis = call.integer("axis", 0) % len(strides)
    return strides[:axis] + strides[axis + 1 :]


def views_contiguous(call: Call, _: int, strides: Strides) -> Strides | None:
    """A tensor that lies in order already is not copied."""
    return strides if strides == contiguous(call.shape(0)) else None


def keeps_indices(call: Call, gradients: Gradients) -> Kept:
    """Keep the indices of every axis that is indexed."""
    return Kept(inputs=call.present(range(1, len(call.node.inputs)))) if gradients[0] else NOTHING


def keeps_written(call: Call, gradients: Gradients) -> Kept:
    """Keep the places; what is added there too, as index_add does, which exporters write so."""
    values = len(call.node.inputs) - 1
    if not (gradients[0] or gradients[values]):
        return NOTHING
    adds = call.integer("accumulate", 0) and gradients[values]
    return Kept(inputs=tuple(range(1, values + bool(adds))))


def keeps_for_writing(call: Call, gradients: Gradients) -> Kept:
    """Keep nothing; the part's gradient is copied, and zeros are made for what was written over."""
    if not gradients.needed:
        return NOTHING
    made = 2 - gradients[1]
    return Kept(transient=made * nbytes(call.input(1)))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("Split", keeps_nothing, view=views_cut),
            targets=tuple(
                f"aten.{name}"
                for name in ("split.Tensor", "split_with_sizes.default", "chunk.default")
            ),
        ),
        Composite(
            framework_operator("Unbind", keeps_nothing, view=views_unbound),
            targets=("aten.unbind.int",),
            reads=_reads_axis,
        ),
        Composite(
            framework_operator(
                "Contiguous",
                kept=keeps_nothing,
                view=views_contiguous,
                backward=Backward.PASSES,
            ),
            targets=("aten.clone.default", "aten.contiguous.default"),
            reads=_reads_format,
        ),
        Composite(
            framework_operator(
                "Same",
                kept=keeps_nothing,
                view=views_same,
                backward=Backward.PASSES,
                layout=Layout.FOLLOWS,
            ),
            targets=("aten.clone.default", "aten.alias.default", "aten.dropout.default"),
            reads=_reads_no_dropout,
        ),
        Composite(
            framework_operator(
                "AsStrided",
                kept=keeps_nothing,
                view=views_reshaped,
                backward=Backward.REGROUPS,
            ),
            targets=("aten.as_strided.default",),
        ),
        # What is written into a part of a tensor, in its own storage.
        Composite(
            framework_operator("WritePart", keeps_for_writing, view=views_same),
            targets=("aten.slice_scatter.default", "aten.select_scatter.default"),
            arguments=(0, 1),
        ),
        Composite(
            framework_operator("Index", keeps_indices),
            targets=("aten.index.Tensor",),
            arguments=(0, 1),
        ),
        Composite(
            framework_operator("IndexPut", keeps_written),
            targets=("aten.index_put.default",),
            arguments=(0, 1, 2),
            reads=_reads_accumulation,
        ),
        Composite(
            framework_operator("PackedProjection", keeps_nothing),
            (Form(_PACKED, ("x",), _swaps, spans_calls=True),),
        ),
        Composite(
            framework_operator("Roll", keeps_nothing),
            targets=("aten.roll.default",),
        ),
    )


def _reads_axis(call: ExportedCall) -> Attributes:
    text = call.argument(1, "0")
    return {"axis": int(text) if text.lstrip("-").isdigit() else 0}


def _reads_accumulation(call: ExportedCall) -> Attributes:
    return {"accumulate": int(call.argument(3, "False") == "True")}


def _reads_format(call: ExportedCall) -> Attributes | None:
    """Accept a copy that asks for an order of axes; one that does not is what dropout left."""
    asked = call.target != "aten.clone.default" or "memory_format" in call.keywords
    return NONE if asked else None


def _reads_no_dropout(call: ExportedCall) -> Attributes | None:
    return None if call.target == "aten.dropout.default" else NONE
