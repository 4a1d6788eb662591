"""Distances and angles between two tensors, which exporters decompose."""

from __future__ import annotations

from itertools import zip_longest
from math import prod

from archlint.ops.call import Call, nbytes, width
from archlint.ops.composite.composite import Composite, Form, framework_operator
from archlint.ops.composite.pattern import Number, Pattern, Tensor, made
from archlint.ops.saved import NOTHING, Gradients, SavedTensors

X, Y = Tensor("x"), Tensor("y")


def saves_directions(call: Call, gradients: Gradients) -> SavedTensors:
    """Save each vector that needs a gradient, its norm twice, and the other one's direction.

    PyTorch broadcasts both vectors, divides them by their norms, which are clamped in place, and
    multiplies the results.
    """
    needed = tuple(slot for slot in (0, 1) if gradients[slot])
    if not needed:
        return NOTHING
    pairs = zip_longest(*(reversed(call.shape(slot)) for slot in (0, 1)), fillvalue=1)
    whole = prod(map(max, pairs)) * width(call.output()) // 8
    own = len(needed) * (whole + 2 * nbytes(call.output()))
    stretched = sum(whole - nbytes(call.input(slot)) for slot in needed)
    return SavedTensors(needed, own=own, transient=2 * whole + stretched)


def saves_angle(call: Call, gradients: Gradients) -> SavedTensors:
    """Save both inputs; the derivative takes the sum of squares, its reciprocal and products."""
    if not gradients.needed:
        return NOTHING
    steps = 5 if gradients[0] and gradients[1] else 3
    return SavedTensors(inputs=(0, 1), transient=steps * nbytes(call.output()))


def saves_distances(call: Call, gradients: Gradients) -> SavedTensors:
    """Save both sets of points and the distances, which are transposed for the second set."""
    if not gradients.needed:
        return NOTHING
    turned = 2 * nbytes(call.output()) if gradients[1] else 0
    return SavedTensors(inputs=(0, 1), outputs=(0,), transient=turned)


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(framework_operator("CosineSimilarity", saves_directions), (_form(_COSINE),)),
        Composite(
            framework_operator("Distance", saves_distances),
            (_form(_DISTANCE), Form(_DISTANCE_OF_MANY, ("x", "y"), spans_calls=True)),
        ),
        Composite(
            framework_operator("Atan2", saves_angle),
            (_form(_ANGLE),),
            ("aten.atan2.default",),
            (0, 1),
        ),
    )


def _form(pattern: Pattern) -> Form:
    return Form(pattern, ("x", "y"))


def _dot(left: Pattern, right: Pattern) -> Pattern:
    return made("ReduceSum", made("Mul", left, right))


def _square(x: Pattern, label: str) -> Pattern:
    return made("ReduceSum", made("Pow", x, Number(2)), label=label)


def _ones_like(x: Pattern) -> Pattern:
    return made("Expand", made("CastLike", Number(1), x), made("Shape", x))


_COSINE = made(
    "Div",
    _dot(X, Y),
    made("Max", made("Sqrt", made("Mul", _dot(X, X), _dot(Y, Y))), Number()),
)
# The exporter works the second exponent out, as 1 / (p + e): people write it down.
_DISTANCE = made(
    "Pow",
    made(
        "ReduceSum", made("Pow", made("Sub", made("Unsqueeze", X), made("Unsqueeze", Y)), Number())
    ),
    made("Div", Number(), made("Add", Number(), Number())),
)
# Between more than 25 points it is sqrt(x^2 - 2 x y + y^2), with ones beside the squares.
_SQUARE_OF_X, _SQUARE_OF_Y = _square(X, "square of x"), _square(Y, "square of y")
_PRODUCT = made(
    "MatMul",
    made("Concat", made("Mul", X, Number(-2)), _SQUARE_OF_X, _ones_like(_SQUARE_OF_X)),
    made("Transpose", made("Concat", Y, _ones_like(_SQUARE_OF_Y), _SQUARE_OF_Y)),
    label="product",
)
_DISTANCE_OF_MANY = made(
    "Sqrt", made("Clip", _PRODUCT, made("CastLike", Number(0), Tensor("product")))
)
_ARC = made("Atan", made("Div", X, Y), label="arc")
_ANGLE = made(
    "Where",
    made("Less", Y, Number()),
    made(
        "Where",
        made("Greater", X, Number()),
        made("Add", _ARC, Number()),
        made("Sub", _ARC, Number()),
    ),
    _ARC,
)
