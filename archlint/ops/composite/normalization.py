"""Layer, group and RMS norm, which exporters write as reductions or through instance norm."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeAlias

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.value import Role
from archlint.ops.autocast import FIRST_OR_SINGLE, KEEPS_FIRST, SINGLE_ON_GPU, Casting, Lists
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.exported import ExportedCall, is_inside
from archlint.ops.composite.pattern import Matching, Number, Pattern, Tensor, either, made
from archlint.ops.effect import Effect, Normalizes, Over
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.normalization import (
    keeps_batch_statistics,
    keeps_group_statistics,
    keeps_normalized,
    keeps_row_statistics,
)
from archlint.ops.operator import Layout
from archlint.ops.signals import normalizes
from archlint.ops.undetermined import Undetermined

Accepts: TypeAlias = Callable[[Matching, Graph], Attributes | None]

_RMS_NORM = "torch.nn.modules.normalization.RMSNorm"

X = Tensor("x")
_CENTRED = made("Sub", X, made("ReduceMean", X, label="mean"), label="centred")
_SPREAD = made(
    "Sqrt",
    made("Add", made("ReduceMean", made("Pow", _CENTRED, Number(2))), Number()),
)
_NORMALIZED = made("Div", _CENTRED, _SPREAD)
_DIRECTION = Tensor("direction")
_LENGTH = made("ReduceL2", _DIRECTION)
_MEAN_SQUARE = made("ReduceMean", made("Pow", X, Number(2)), label="mean")
_ROOT = made("Reciprocal", made("Sqrt", made("Add", _MEAN_SQUARE, Number())))
_SCALED = made("Mul", X, _ROOT)
_GAINED = made("Mul", _SCALED, Tensor("weight"))
_GROUPED = made(
    "Reshape",
    made(
        "InstanceNormalization",
        made("Reshape", X, label="grouped"),
        Number(1),
        Number(0),
    ),
)


def _squared(x: Pattern) -> Pattern:
    return either(made("Pow", x, Number(2)), made("Mul", x, x))


def _divided(x: Pattern, root: Pattern) -> tuple[Pattern, Pattern]:
    """Return x / root, by a division and by a product with what is inverted first."""
    inverse = either(made("Reciprocal", root), made("Div", Number(1), root))
    return made("Div", x, root), made("Mul", x, inverse)


# As people write them: the difference once or twice, epsilon inside the root or outside.
_MEAN = made("ReduceMean", X)
_DIFFERENCE = made("Sub", X, _MEAN)
_VARIANCE = made("ReduceMean", _squared(_DIFFERENCE), label="mean")
_SAMPLE_VARIANCE = made("Div", made("Mul", _VARIANCE, Number()), Number())
_DEVIATION = either(
    made("Sqrt", made("Add", _VARIANCE, Number())),
    made("Add", made("Sqrt", either(_VARIANCE, _SAMPLE_VARIANCE)), Number()),
)
_STANDARDIZED = _divided(_DIFFERENCE, _DEVIATION)
_RESCALED = _divided(
    X,
    made("Sqrt", made("Add", made("ReduceMean", _squared(X), label="mean"), Number())),
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


def casts_differences(call: Call, lists: Lists) -> Casting:
    """The square is taken in fp32 on a GPU, which for a tensor in half precision is another one."""
    is_half = call.input(0).dtype is not DType.FLOAT32
    if lists is Lists.CUDA and is_half:
        raise Undetermined("a normalization written by hand is half in one format, half in another")
    return Casting.FIRST


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
            framework_operator(
                "LayerNorm",
                keeps_row_statistics,
                signal=normalizes(Over.FEATURES),
                weights=(1, 2),
                casting=FIRST_OR_SINGLE,
            ),
            (
                Form(_affine(_NORMALIZED), affine, _learned(_last_axes)),
                Form(_NORMALIZED, ("x",), _last_axes),
                *_by_hand(_STANDARDIZED, _last_axes),
            ),
            ("aten.layer_norm.default",),
            (0, 2, 3),
            _reads_axes,
        ),
        Composite(
            framework_operator(
                "GroupNorm",
                keeps_group_statistics,
                signal=normalizes(Over.FEATURES),
                weights=(1, 2),
                casting=FIRST_OR_SINGLE,
            ),
            (
                Form(_affine(_GROUPED), affine, _groups),
                Form(_GROUPED, ("x",), _groups),
            ),
            ("aten.group_norm.default",),
            (0, 2, 3),
            _reads_groups,
        ),
        Composite(
            framework_operator(
                "Standardize",
                keeps_differences,
                signal=_standardizes,
                layout=Layout.FOLLOWS,
                casting=casts_differences,
            ),
            (
                Form(_NORMALIZED, ("x",), _other_axes),
                *_by_hand(_STANDARDIZED, _other_axes),
            ),
        ),
        Composite(  # a batch norm without running statistics
            framework_operator(
                "BatchNorm", keeps_batch_statistics, weights=(1, 2), casting=KEEPS_FIRST
            ),
            targets=("aten._native_batch_norm_legit.no_stats",),
            arguments=(0, 1, 2),
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
            framework_operator(
                "RmsNorm",
                keeps_normalized,
                signal=normalizes(Over.FEATURES, centred=False),
                weights=(1,),
                casting=FIRST_OR_SINGLE,
            ),
            (
                *(
                    Form(pattern, ("x", "weight"), _of_module, spans_calls=True)
                    for pattern in (made("CastLike", _GAINED, X), made("CastLike", _SCALED, X))
                ),
                *_by_hand(_RESCALED, _last_axes),
            ),
            targets=("aten.rms_norm.default",),
            arguments=(0, 2),
            reads=_reads_axes,
        ),
        Composite(
            framework_operator("Rsqrt", keeps_root, layout=Layout.FOLLOWS, casting=SINGLE_ON_GPU),
            (
                Form(made("Reciprocal", made("Sqrt", X))),
                Form(made("Div", Number(1), made("Sqrt", X))),
            ),
            ("aten.rsqrt.default",),
        ),
    )


def _by_hand(normalized: tuple[Pattern, Pattern], accepts: Accepts) -> tuple[Form, ...]:
    """Return the forms in which steps are written, with a gain and a shift, a gain, or neither."""
    gained = made("Mul", either(*normalized, made("Cast", either(*normalized))), Tensor("weight"))
    patterns = (made("Add", gained, Tensor("bias")), gained, *normalized)
    inputs = ("x", "weight", "bias")
    return tuple(Form(pattern, inputs, _learned(accepts), by_hand=True) for pattern in patterns)


def _learned(accepts: Accepts) -> Accepts:
    """Accept what `accepts` does, unless its gain or shift is another path of the network."""

    def accepted(matching: Matching, graph: Graph) -> Attributes | None:
        learned = (matching.tensors.get(label) for label in ("weight", "bias"))
        if any(name is not None and _is_stream(name, matching, graph) for name in learned):
            return None
        return accepts(matching, graph)

    return accepted


def _is_stream(name: str, matching: Matching, graph: Graph) -> bool:
    """Whether a tensor is as large as what is normalized and computed: another path, no gain."""
    value = graph.values[name]
    shape = graph.values[matching.tensors["x"]].shape
    return value.role is not Role.STORED and value.shape == shape


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


def _of_module(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept what the framework's module is broken up into; by hand it is several operators."""
    is_module = all(is_inside(node, _RMS_NORM) for node in matching.nodes)
    return _last_axes(matching, graph) if is_module else None


def _other_axes(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a mean over axes that the framework's own norm does not take."""
    if _last_axes(matching, graph) is not None:
        return None
    sizes = graph.values[matching.tensors["x"]].sizes
    axes = _reduced(matching.tensors["mean"], graph)
    if sizes is None or not axes or not all(-len(sizes) <= axis < len(sizes) for axis in axes):
        return None
    return {"normalized": prod(sizes[axis] for axis in axes), "axes": axes}


def _standardizes(call: Call) -> Effect:
    """Over the batch, over the places of a channel, or over the channels."""
    axes = {axis % call.rank(0) for axis in call.integers("axes") or ()}
    if 0 in axes:
        return Normalizes(Over.BATCH)
    return Normalizes(Over.FEATURES if 1 in axes else Over.PLANE)


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
