"""Layer, group and RMS norm, which exporters write as reductions or through instance norm."""

from __future__ import annotations

from math import prod

from archlint.graph.graph import Graph
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.exported import ExportedCall
from archlint.ops.composite.pattern import Matching, Number, Pattern, Tensor, made
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.normalization import (
    keeps_group_statistics,
    keeps_normalized,
    keeps_row_statistics,
)
from archlint.ops.operator import Layout

X = Tensor("x")
_CENTRED = made("Sub", X, made("ReduceMean", X, label="mean"), label="centred")
_SPREAD = made(
    "Sqrt",
    made("Add", made("ReduceMean", made("Pow", _CENTRED, Number(2))), Number()),
)
_NORMALIZED = made("Div", _CENTRED, _SPREAD)
_DIRECTION = Tensor("direction")
_LENGTH = made("ReduceL2", _DIRECTION)
_GROUPED = made(
    "Reshape",
    made(
        "InstanceNormalization",
        made("Reshape", X, label="grouped"),
        Number(1),
        Number(0),
    ),
)


def keeps_differences(call: Call, gradients: Gradients) -> Kept:
    """Keep (x - mean) for the square and again for the quotient, and the deviation.

    By hand the difference is written twice, and exporters merge what is computed twice.
    """
    if not gradients[0]:
        return NOTHING
    size = nbytes(call.output())
    normalized = call.integer("normalized", 1)
    deviation = size // max(normalized, 1)
    return Kept(own=2 * size + deviation, transient=3 * size)


def keeps_norms(call: Call, gradients: Gradients) -> Kept:
    """Keep the norm of each row of the weight's direction."""
    return Kept(own=nbytes(call.input(1))) if gradients.needed else NOTHING


def keeps_root(call: Call, gradients: Gradients) -> Kept:
    """Keep the result of 1 / sqrt(x): the derivative is -0.5 dy y^3."""
    if not gradients[0]:
        return NOTHING
    return Kept(outputs=(0,), transient=2 * nbytes(call.output()))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    affine = ("x", "weight", "bias")
    return (
        Composite(
            framework_operator("LayerNorm", keeps_row_statistics, weights=(1, 2)),
            (
                Form(_affine(_NORMALIZED), affine, _last_axes),
                Form(_NORMALIZED, ("x",), _last_axes),
            ),
            ("aten.layer_norm.default",),
            (0, 2, 3),
            _reads_axes,
        ),
        Composite(
            framework_operator("GroupNorm", keeps_group_statistics, weights=(1, 2)),
            (
                Form(_affine(_GROUPED), affine, _groups),
                Form(_GROUPED, ("x",), _groups),
            ),
            ("aten.group_norm.default",),
            (0, 2, 3),
            _reads_groups,
        ),
        Composite(
            framework_operator("Standardize", keeps_differences, layout=Layout.FOLLOWS),
            (Form(_NORMALIZED, ("x",), _other_axes),),
        ),
        Composite(
            framework_operator("WeightNorm", keeps_norms, weights=(0, 1)),
            (
                Form(
                    made("Mul", made("Div", _DIRECTION, _LENGTH), Tensor("magnitude")),
                    ("direction", "magnitude"),
                    _are_stored,
                ),
                Form(
                    made("Mul", _DIRECTION, made("Div", Tensor("magnitude"), _LENGTH)),
                    ("direction", "magnitude"),
                    _are_stored,
                    spans_calls=True,
                ),
            ),
        ),
        Composite(
            framework_operator("RmsNorm", keeps_normalized, weights=(1,)),
            targets=("aten.rms_norm.default",),
            arguments=(0, 2),
            reads=_reads_axes,
        ),
        Composite(
            framework_operator("Rsqrt", keeps_root, layout=Layout.FOLLOWS),
            (
                Form(made("Reciprocal", made("Sqrt", X))),
                Form(made("Div", Number(1), made("Sqrt", X))),
            ),
            ("aten.rsqrt.default",),
        ),
    )


def _affine(normalized: Pattern) -> Pattern:
    return made("Add", made("Mul", normalized, Tensor("weight")), Tensor("bias"))


def _last_axes(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a mean over the last axes; over others it was written by hand."""
    rank = len(graph.values[matching.tensors["x"]].shape or ())
    axes = _reduced(matching.tensors["mean"], graph)
    if not rank or not axes:
        return None
    first = min(axis % rank for axis in axes)
    return {"axis": first} if len(axes) == rank - first else None


def _other_axes(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a mean over axes that the framework's own norm does not take."""
    if _last_axes(matching, graph) is not None:
        return None
    sizes = graph.values[matching.tensors["x"]].sizes
    axes = _reduced(matching.tensors["mean"], graph)
    if sizes is None or not axes or not all(-len(sizes) <= axis < len(sizes) for axis in axes):
        return None
    return {"normalized": prod(sizes[axis] for axis in axes)}


def _are_stored(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a product of tensors from the file."""
    pair = (matching.tensors["direction"], matching.tensors["magnitude"])
    return NONE if all(name in graph.weights for name in pair) else None


def _reduced(tensor: str, graph: Graph) -> tuple[int, ...]:
    node = graph.producers[tensor]
    axes = node.attributes.get("axes")
    if axes is None and len(node.inputs) > 1:
        contents = graph.constants.get(node.inputs[1])
        axes = None if contents is None else tuple(contents.reshape(-1).tolist())
    return tuple(int(axis) for axis in axes) if isinstance(axes, tuple) else ()


def _groups(matching: Matching, graph: Graph) -> Attributes | None:
    shape = graph.values[matching.tensors["grouped"]].shape
    if shape is None or len(shape) < 2 or not isinstance(shape[1], int):
        return None
    return {"num_groups": shape[1]}


def _reads_axes(call: ExportedCall) -> Attributes:
    return {"axis": -len([part for part in call.argument(1).strip("[]").split(",") if part])}


def _reads_groups(call: ExportedCall) -> Attributes:
    text = call.argument(1, "1")
    return {"num_groups": int(text)} if text.isdigit() else NONE
