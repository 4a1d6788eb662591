"""Reductions that exporters write as arithmetic: the variance, the largest elements."""

from __future__ import annotations

from archlint.graph.frames import frames
from archlint.ops.autocast import SINGLE_ON_GPU
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import Composite, Form, framework_operator
from archlint.ops.composite.pattern import Made, Number, Tensor, made
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.reduction import INDEX_BYTES

X = Tensor("x")
_CENTRED = made("Sub", X, made("ReduceMean", X), label="centred")
_MEAN_SQUARE = made("ReduceMean", made("Mul", _CENTRED, _CENTRED))


def keeps_input_and_result(_: Call, gradients: Gradients) -> Kept:
    """Keep both: the gradient goes to the elements that equal the result."""
    return Kept(inputs=(0,), outputs=(0,)) if gradients[0] else NOTHING


def keeps_largest(call: Call, gradients: Gradients) -> Kept:
    """As for the result of a reduction, but places for that of a pooling.

    AdaptiveMaxPool2d(1) is exported as a reduction.
    """
    running = frames(call.node)
    if not running or "max_pool" not in running[-1].code:
        return keeps_input_and_result(call, gradients)
    return Kept(inputs=(0,), own=INDEX_BYTES * call.output_elements()) if gradients[0] else NOTHING


def keeps_for_variance(call: Call, gradients: Gradients) -> Kept:
    """Keep the input: the derivative is 2 / (N - 1) dy (x - mean)."""
    if not gradients[0]:
        return NOTHING
    return Kept(inputs=(0,), transient=nbytes(call.input(0)))


def _variance(*, divided: bool) -> Made:
    """Return the mean square of what is left without the mean, over N or over N - 1."""
    if not divided:
        return _MEAN_SQUARE
    return made("Div", made("Mul", _MEAN_SQUARE, Number()), Number())


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("Variance", keeps_for_variance),
            (
                Form(_variance(divided=True)),
                Form(_variance(divided=False)),
            ),
            ("aten.var.correction", "aten.var.dim", "aten.var.default", "prims.var.default"),
        ),
        Composite(
            framework_operator("Deviation", keeps_input_and_result),
            (
                Form(made("Sqrt", _variance(divided=True))),
                Form(made("Sqrt", _variance(divided=False))),
            ),
            ("aten.std.correction", "aten.std.dim", "aten.std.default"),
        ),
        Composite(
            framework_operator("Extremum", keeps_largest),
            targets=("aten.amax.default", "aten.amin.default"),
        ),
        Composite(
            framework_operator("LogSumExp", keeps_input_and_result, casting=SINGLE_ON_GPU),
            targets=("aten.logsumexp.default",),
        ),
    )
