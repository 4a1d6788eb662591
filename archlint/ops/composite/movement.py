"""Splits, rolls and other rearrangements, which exporters write in several operators."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.program.calls import ExportedCall, exported_call
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
from archlint.ops.standard.pieces import saves_for_wrapping
from archlint.ops.storage import CHANNELS_LAST, Storage
from archlint.ops.strides import (
    Strides,
    axis_of,
    views_cut,
)

# How attention splits a packed projection into queries, keys and values: it makes the result
# contiguous, which the exporter omits.
_PACKED = made(
    "Squeeze", made("Transpose", made("Unsqueeze", Tensor("x")), label="moved"), label="packed"
)
# A roll along one axis, as TorchScript writes it.
_ROLLED = made(
    "Concat",
    made("Slice", Tensor("x"), label="last"),
    made("Slice", Tensor("x"), label="first"),
    label="rolled",
)
# torch.diagonal, as TorchScript's exporter writes it: the other entries are multiplied by zero.
_DIAGONAL = made(
    "GatherND", made("ReduceSum", made("Mul", Tensor("x"), made("EyeLike", Tensor("shape"))))
)


def _swaps(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a transposition of the new first axis and the second last one."""
    order = graph.producers[matching.tensors["moved"]].attributes.get("perm")
    if not isinstance(order, tuple) or len(order) != 5:
        return None
    return NONE if order == (3, 1, 2, 0, 4) else None


def _is_last_diagonal(_: Matching, __: Graph) -> Attributes:
    """The exporter transposes a tensor so that the diagonal is that of its last axes."""
    return {"axes": (-2, -1)}


def _is_whole(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept two slices that cover a tensor along one axis, in swapped order."""
    whole, rolled, last, first = (
        graph.values[matching.tensors[label]].sizes for label in ("x", "rolled", "last", "first")
    )
    if whole is None or rolled != whole or last is None or first is None:
        return None
    cut = [axis for axis, size in enumerate(whole) if last[axis] != size or first[axis] != size]
    pieces = (graph.producers[matching.tensors[label]] for label in ("last", "first"))
    start, other = (graph.constants.get(piece.inputs[1]) for piece in pieces)
    if len(cut) != 1 or start is None or other is None or start.size != 1 or other.any():
        return None
    return NONE if int(start.item()) % whole[cut[0]] == first[cut[0]] else None


def _is_circular(matching: Matching, _: Graph) -> Attributes | None:
    call = exported_call(matching.nodes[0])
    return NONE if call is not None and call.argument(2) == "circular" else None


def views_unbound(call: Call, _: int, strides: Strides) -> Strides:
    """One position along an axis for each output."""
    axis = axis_of(call.integer("axis", 0), strides)
    return strides[:axis] + strides[axis + 1 :]


def views_diagonal(call: Call, _: int, strides: Strides) -> Strides:
    """A step along a diagonal is one along both axes; the diagonal is a new last axis."""
    first, second = (axis_of(axis, strides) for axis in call.integers("axes") or (0, 1))
    others = (stride for axis, stride in enumerate(strides) if axis not in {first, second})
    return (*others, strides[first] + strides[second])


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("Split", saves_nothing, storage=Storage(view=views_cut)),
            targets=tuple(
                f"aten.{name}"
                for name in ("split.Tensor", "split_with_sizes.default", "chunk.default")
            ),
        ),
        Composite(
            framework_operator("Unbind", saves_nothing, storage=Storage(view=views_unbound)),
            targets=("aten.unbind.int",),
            reads=_reads_axis,
        ),
        Composite(
            framework_operator("PackedProjection", saves_nothing),
            (Form(_PACKED, ("x",), _swaps, spans_calls=True),),
        ),
        Composite(
            framework_operator("Roll", saves_nothing),
            (Form(_ROLLED, ("x",), _is_whole),),
            ("aten.roll.default",),
        ),
        Composite(
            framework_operator("PixelShuffle", saves_nothing, storage=CHANNELS_LAST),
            targets=("aten.pixel_shuffle.default", "aten.pixel_unshuffle.default"),
        ),
        Composite(
            framework_operator("Diagonal", saves_nothing, storage=Storage(view=views_diagonal)),
            (Form(_DIAGONAL, ("x",), _is_last_diagonal),),
            targets=("aten.diagonal.default",),
            reads=_reads_diagonal,
        ),
        Composite(
            framework_operator("CircularPad", saves_for_wrapping),
            (Form(made("Pad", Tensor("x")), ("x",), _is_circular, spans_calls=True),),
        ),
    )


def _reads_axis(call: ExportedCall) -> Attributes | None:
    axis = call.integer(1, 0)
    return None if axis is None else {"axis": axis}


def _reads_diagonal(call: ExportedCall) -> Attributes | None:
    first, second = call.integer(2, 0), call.integer(3, 1)
    return None if first is None or second is None else {"axes": (first, second)}
