"""Splits, copies and rolls, which exporters write as slices or leave out."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.program.calls import ExportedCall, exported_call
from archlint.graph.program.frames import frames, is_cloned
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.pattern import Matching, Tensor, made
from archlint.ops.facets import saves_nothing
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.storage import CHANNELS_LAST, LIKE_INPUTS, Layout, Storage
from archlint.ops.strides import (
    Strides,
    axis_of,
    contiguous,
    views_cut,
    views_same,
)

# How attention splits a packed projection into queries, keys and values: it makes the result
# contiguous, which the exporter omits.
_PACKED = made(
    "Squeeze", made("Transpose", made("Unsqueeze", Tensor("x")), label="moved"), label="packed"
)


# A slice of a whole axis, from indexing: tracing records it, although nothing is executed for it.
_WHOLE = made("Slice", Tensor("x"), label="part")

# A roll along one axis, as TorchScript writes it.
_ROLLED = made(
    "Concat",
    made("Slice", Tensor("x"), label="last"),
    made("Slice", Tensor("x"), label="first"),
    label="rolled",
)
# nn.Unfold: rows and columns of all windows are looked up in the padded map.
_PATCHES = made(
    "Reshape",
    made("Transpose", made("Gather", made("Gather", made("Pad", Tensor("x")))), label="sorted"),
)

# torch.diagonal, as TorchScript's exporter writes it: the other entries are multiplied by zero.
_DIAGONAL = made(
    "GatherND", made("ReduceSum", made("Mul", Tensor("x"), made("EyeLike", Tensor("shape"))))
)


def _is_all(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a slice of the whole tensor in its order."""
    whole, part = matching.tensors["x"], matching.tensors["part"]
    sizes = graph.values[whole].sizes
    if sizes is None or graph.values[part].sizes != sizes:
        return None
    given = graph.producers[part].inputs[4:]
    steps = [graph.constants.get(name) for name in given if name]
    return NONE if all(step is not None and (step == 1).all() for step in steps) else None


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


def _puts_windows_together(matching: Matching, graph: Graph) -> Attributes | None:
    order = graph.producers[matching.tensors["sorted"]].attributes.get("perm")
    return NONE if order == (0, 1, 2, 4, 3, 5) else None


def views_windows(call: Call, _: int, strides: Strides) -> Strides:
    """Windows along an axis; the position in the window is a new last axis."""
    axis = axis_of(call.integer("axis", 0), strides)
    step = call.integer("step", 1)
    return (*strides[:axis], step * strides[axis], *strides[axis + 1 :], strides[axis])


def views_diagonal(call: Call, _: int, strides: Strides) -> Strides:
    """A step along a diagonal is one along both axes; the diagonal is a new last axis."""
    first, second = (axis_of(axis, strides) for axis in call.integers("axes") or (0, 1))
    others = (stride for axis, stride in enumerate(strides) if axis not in {first, second})
    return (*others, strides[first] + strides[second])


def views_promoted(call: Call, _: int, strides: Strides) -> Strides | None:
    """Integers among floats are not converted."""
    dtype = call.input(0).dtype
    return None if dtype is None or dtype.is_float else strides


def saves_for_wrapping(call: Call, gradients: Gradients) -> SavedTensors:
    """Save nothing; the gradient is copied, and once more for each padded side."""
    if not gradients[0]:
        return NOTHING
    return SavedTensors(transient=2 * nbytes(call.output()) - nbytes(call.input(0)))


def _is_circular(matching: Matching, _: Graph) -> Attributes | None:
    call = exported_call(matching.nodes[0])
    return NONE if call is not None and call.argument(2) == "circular" else None


def _swaps(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a transposition of the new first axis and the second last one."""
    order = graph.producers[matching.tensors["moved"]].attributes.get("perm")
    if not isinstance(order, tuple) or len(order) != 5:
        return None
    return NONE if order == (3, 1, 2, 0, 4) else None


def views_unbound(call: Call, _: int, strides: Strides) -> Strides:
    """One position along an axis for each output."""
    axis = axis_of(call.integer("axis", 0), strides)
    return strides[:axis] + strides[axis + 1 :]


def views_contiguous(call: Call, _: int, strides: Strides) -> Strides | None:
    """A contiguous tensor is not copied."""
    return strides if strides == contiguous(call.shape(0)) else None


def saves_every_index(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the indices of every indexed axis; the gradient is scattered into zeros."""
    if not gradients[0]:
        return NOTHING
    indices = call.present(range(1, len(call.node.inputs)))
    return SavedTensors(inputs=indices, transient=nbytes(call.input(0)))


def saves_put(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the indices; with accumulation, as exporters write index_add, also the values."""
    values = len(call.node.inputs) - 1
    if not (gradients[0] or gradients[values]):
        return NOTHING
    adds = call.integer("accumulate", 0) and gradients[values]
    return SavedTensors(inputs=tuple(range(1, values + bool(adds))))


def saves_for_writing(call: Call, gradients: Gradients) -> SavedTensors:
    """Save nothing; the slice's gradient is copied, and zeros replace the overwritten part."""
    if not gradients.needed:
        return NOTHING
    made = 2 - gradients[1]
    return SavedTensors(transient=made * nbytes(call.input(1)))


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
        # Writing into a slice of a tensor, in its storage.
        Composite(
            framework_operator("WritePart", saves_for_writing, storage=Storage(view=views_same)),
            targets=("aten.slice_scatter.default", "aten.select_scatter.default"),
            arguments=(0, 1),
        ),
        Composite(
            framework_operator("Index", saves_every_index),
            targets=("aten.index.Tensor",),
            arguments=(0, 1),
        ),
        Composite(
            framework_operator("IndexPut", saves_put),
            targets=("aten.index_put.default",),
            arguments=(0, 1, 2),
            reads=_reads_accumulation,
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
            framework_operator("Unfold", saves_nothing, storage=Storage(view=views_windows)),
            targets=("aten.unfold.default",),
            reads=_reads_windows,
        ),
        Composite(
            framework_operator("Diagonal", saves_nothing, storage=Storage(view=views_diagonal)),
            (Form(_DIAGONAL, ("x",), _is_last_diagonal),),
            targets=("aten.diagonal.default",),
            reads=_reads_diagonal,
        ),
        # A cast that PyTorch does not make: an operator takes numbers of two types.
        Composite(
            framework_operator("Promotion", saves_nothing, storage=Storage(view=views_promoted)),
            targets=("prims.convert_element_type.default",),
        ),
        Composite(
            framework_operator("CircularPad", saves_for_wrapping),
            (Form(made("Pad", Tensor("x")), ("x",), _is_circular, spans_calls=True),),
        ),
        Composite(
            framework_operator("Patches", saves_nothing),
            (Form(_PATCHES, ("x",), _puts_windows_together),),
            ("aten.im2col.default",),
        ),
    )


def _reads_axis(call: ExportedCall) -> Attributes | None:
    axis = call.integer(1, 0)
    return None if axis is None else {"axis": axis}


def _is_last_diagonal(_: Matching, __: Graph) -> Attributes:
    """The exporter transposes a tensor so that the diagonal is that of its last axes."""
    return {"axes": (-2, -1)}


def _reads_diagonal(call: ExportedCall) -> Attributes | None:
    first, second = call.integer(2, 0), call.integer(3, 1)
    return None if first is None or second is None else {"axes": (first, second)}


def _reads_windows(call: ExportedCall) -> Attributes | None:
    axis, step = call.integer(1, 0), call.integer(3, 1)
    return None if axis is None or step is None else {"axis": axis, "step": step}


def _reads_accumulation(call: ExportedCall) -> Attributes:
    """Distinguish index_add from the program's own index_put, where that is known."""
    lines = [frame.code for node in call.nodes for frame in frames(node)[-1:]]
    puts = any("index_put" in line for line in lines)
    return {"accumulate": int(call.argument(3, "False") == "True" and not puts)}


def _reads_format(call: ExportedCall) -> Attributes | None:
    """Accept a copy with a memory format; one without is the remainder of a dropout."""
    asked = call.target != "aten.clone.default" or "memory_format" in call.keywords
    return NONE if asked else None


def _reads_clone(call: ExportedCall) -> Attributes | None:
    return NONE if any(map(is_cloned, call.nodes)) else None


def _reads_no_dropout(call: ExportedCall) -> Attributes | None:
    return None if call.target == "aten.dropout.default" else NONE
