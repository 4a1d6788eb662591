"""Windows that slide over a tensor, side by side, which exporters write as lookups."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.program.calls import ExportedCall
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
from archlint.ops.storage import Storage
from archlint.ops.strides import (
    Strides,
    axis_of,
)

# nn.Unfold: rows and columns of all windows are looked up in the padded map.
_PATCHES = made(
    "Reshape",
    made("Transpose", made("Gather", made("Gather", made("Pad", Tensor("x")))), label="sorted"),
)


def _puts_windows_together(matching: Matching, graph: Graph) -> Attributes | None:
    order = graph.producers[matching.tensors["sorted"]].attributes.get("perm")
    return NONE if order == (0, 1, 2, 4, 3, 5) else None


def views_windows(call: Call, _: int, strides: Strides) -> Strides:
    """Windows along an axis; the position in the window is a new last axis."""
    axis = axis_of(call.integer("axis", 0), strides)
    step = call.integer("step", 1)
    return (*strides[:axis], step * strides[axis], *strides[axis + 1 :], strides[axis])


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("Unfold", saves_nothing, storage=Storage(view=views_windows)),
            targets=("aten.unfold.default",),
            reads=_reads_windows,
        ),
        Composite(
            framework_operator("Patches", saves_nothing),
            (Form(_PATCHES, ("x",), _puts_windows_together),),
            ("aten.im2col.default",),
        ),
    )


def _reads_windows(call: ExportedCall) -> Attributes | None:
    axis, step = call.integer(1, 0), call.integer(3, 1)
    return None if axis is None or step is None else {"axis": axis, "step": step}
