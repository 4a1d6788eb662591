"""Reductions that exporters decompose or rename: variance, maxima, pooling of whole planes."""

from __future__ import annotations

from archlint.graph.program.call_record import is_inside
from archlint.graph.program.calls import ExportedCall
from archlint.graph.program.frames import source_line
from archlint.ops.autocast import SINGLE_ON_GPU
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import Attributes, Composite, Form, framework_operator
from archlint.ops.composite.pattern import Made, Number, Tensor, made
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.standard.pooling import saves_maxima
from archlint.ops.standard.reduction import saves_extreme, saves_reduced

X = Tensor("x")
_CENTRED = made("Sub", X, made("ReduceMean", X), label="centred")
_MEAN_SQUARE = made("ReduceMean", made("Mul", _CENTRED, _CENTRED))


def saves_for_variance(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input: the derivative is 2 / (N - 1) dy (x - mean)."""
    if not gradients[0]:
        return NOTHING
    return SavedTensors(inputs=(0,), transient=nbytes(call.input(0)) + 2 * nbytes(call.output()))


def saves_largest(call: Call, gradients: Gradients) -> SavedTensors:
    """Save what max pooling over a whole plane does, where it was one."""
    return (saves_maxima if call.integer("pools", 0) else saves_extreme)(call, gradients)


def _reads_pooling(call: ExportedCall) -> Attributes:
    """Tell by the module or by the line that a program called a pooling, which is a reduction."""
    node = call.nodes[0]
    is_named = "max_pool" in source_line(node)
    return {"pools": int(is_named or is_inside(node, "AdaptiveMaxPool"))}


def _variance(*, divided: bool) -> Made:
    """Return the mean square of what is left without the mean, over N or over N - 1."""
    if not divided:
        return _MEAN_SQUARE
    return made("Div", made("Mul", _MEAN_SQUARE, Number()), Number())


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("Variance", saves_for_variance),
            (
                Form(_variance(divided=True)),
                Form(_variance(divided=False)),
            ),
            ("aten.var.correction", "aten.var.dim", "aten.var.default", "prims.var.default"),
        ),
        Composite(
            framework_operator("Deviation", saves_reduced(1)),
            (
                Form(made("Sqrt", _variance(divided=True))),
                Form(made("Sqrt", _variance(divided=False))),
            ),
            ("aten.std.correction", "aten.std.dim", "aten.std.default"),
        ),
        Composite(
            framework_operator("Extremum", saves_largest),
            targets=("aten.amax.default", "aten.amin.default"),
            reads=_reads_pooling,
        ),
        Composite(
            framework_operator("LogSumExp", saves_reduced(2), casting=SINGLE_ON_GPU),
            targets=("aten.logsumexp.default",),
        ),
    )
