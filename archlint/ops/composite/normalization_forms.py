"""The forms in which exporters and people write layer, group, RMS and weight norm."""

from __future__ import annotations

from math import prod

from archlint.graph.graph import Graph
from archlint.graph.program.call_record import is_inside
from archlint.graph.value import Role
from archlint.ops.composite.composite import NONE, Accepts, Attributes, Form
from archlint.ops.composite.pattern import Matching, Number, Pattern, Tensor, either, made

_RMS_NORM = "torch.nn.modules.normalization.RMSNorm"
_AFFINE = ("x", "weight", "bias")
_HAS_LAYER_NORM = 17  # the version of the operators

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


def layer_norm() -> tuple[Form, ...]:
    """Return the forms of a normalization over the last axes."""
    return (
        Form(_affine(_NORMALIZED), _AFFINE, _written_out(_learned(_last_axes))),
        Form(_NORMALIZED, ("x",), _written_out(_last_axes)),
        *_by_hand(_STANDARDIZED, _last_axes),
    )


def group_norm() -> tuple[Form, ...]:
    """Return the forms of a normalization of groups of channels: through one of instances."""
    return (
        Form(_affine(_GROUPED), _AFFINE, _groups),
        Form(_GROUPED, ("x",), _groups),
    )


def standardization() -> tuple[Form, ...]:
    """Return the forms of a normalization over axes that no layer of the framework takes."""
    return (Form(_NORMALIZED, ("x",), _other_axes), *_by_hand(_STANDARDIZED, _other_axes))


def rms_norm() -> tuple[Form, ...]:
    """Return the forms of a division by the root mean square over the last axes."""
    return (
        *(
            Form(pattern, ("x", "weight"), _of_module, spans_calls=True)
            for pattern in (made("CastLike", _GAINED, X), made("CastLike", _SCALED, X))
        ),
        *_by_hand(_RESCALED, _last_axes),
    )


def weight_norm() -> tuple[Form, ...]:
    """Return the forms of a weight that is a direction times a magnitude."""
    inputs = ("direction", "magnitude")
    turned = made("Mul", made("Div", _DIRECTION, _LENGTH), Tensor("magnitude"))
    stretched = made("Mul", _DIRECTION, made("Div", Tensor("magnitude"), _LENGTH))
    return (
        Form(turned, inputs, _are_stored),
        Form(stretched, inputs, _are_stored, spans_calls=True),
    )


def inverse_root() -> tuple[Form, ...]:
    """Return the forms of 1 / sqrt(x)."""
    return (
        Form(made("Reciprocal", made("Sqrt", X))),
        Form(made("Div", Number(1), made("Sqrt", X))),
    )


def _by_hand(normalized: tuple[Pattern, Pattern], accepts: Accepts) -> tuple[Form, ...]:
    """Return the forms in which steps are written, with a gain and a shift, a gain, or neither."""
    gained = made("Mul", either(*normalized, made("Cast", either(*normalized))), Tensor("weight"))
    patterns = (made("Add", gained, Tensor("bias")), gained, *normalized)
    return tuple(Form(pattern, _AFFINE, _learned(accepts), by_hand=True) for pattern in patterns)


def _has_operator(graph: Graph) -> bool:
    """Whether the exporter has an operator for layer norm.

    PyTorch's write it where there is one: what is written out then was so in the program.
    """
    return graph.is_from_pytorch and graph.opset >= _HAS_LAYER_NORM


def _written_out(accepts: Accepts) -> Accepts:
    """Accept what `accepts` does where exporters have to write out the framework's layer norm."""
    return lambda matching, graph: None if _has_operator(graph) else accepts(matching, graph)


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
    """Accept a mean over axes that the framework's own norm does not take, or has not taken."""
    if _last_axes(matching, graph) is not None and not _has_operator(graph):
        return None
    sizes = graph.values[matching.tensors["x"]].sizes
    axes = _reduced(matching.tensors["mean"], graph)
    if sizes is None or not axes or not all(-len(sizes) <= axis < len(sizes) for axis in axes):
        return None
    return {"normalized": prod(sizes[axis] for axis in axes), "axes": axes}


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
