"""Complex numbers, which ONNX represents by an axis of real and imaginary parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlint.graph.program.calls import exported_call
from archlint.ops.call import nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.pattern import Tensor, made
from archlint.ops.facets import saves_nothing
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.standard.matrix import saves_factors
from archlint.ops.storage import LIKE_INPUTS, Storage
from archlint.ops.strides import Strides, axis_of, contiguous_along

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.graph.program.calls import ExportedCall
    from archlint.ops.call import Call
    from archlint.ops.composite.pattern import Matching


# (a + bi) (c + di) = ac - bd + (ad + bc) i, of parts that are cut from the last axis
_PARTS = made("Mul", made("Slice", Tensor("x")), made("Slice", Tensor("y")))
_COMPLEX_PRODUCT = made("Concat", made("Sub", _PARTS, _PARTS), made("Add", _PARTS, _PARTS))


def _axes(call: ExportedCall) -> Attributes | None:
    """Read the transformed axes, in order."""
    axes = tuple(map(int, re.findall(r"-?\d+", call.argument(1))))
    return {"axes": axes} if axes else None


def saves_direction(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the complex numbers, whose directions are made in the backward pass."""
    return SavedTensors(inputs=(0,), transient=nbytes(call.input(0))) if gradients[0] else NOTHING


def lies_along_signal(call: Call, _: Sequence[Strides | None]) -> Strides:
    """Return the strides of the signals: the last axis that was transformed lies in one piece."""
    axes, shape = call.integers("axes") or (-1,), call.output_shape()
    return contiguous_along(shape, (axis_of(axes[-1], shape),))


def _is_of_complex(matching: Matching, _: Graph) -> Attributes | None:
    call = exported_call(matching.nodes[0])
    return NONE if call is not None and call.target == "aten.abs.default" else None


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator(
                "RealSignal", saves_nothing, storage=Storage(layout=lies_along_signal)
            ),
            targets=("aten._fft_c2r.default",),
            reads=_axes,
        ),
        Composite(
            framework_operator("ComplexMul", saves_factors, storage=LIKE_INPUTS),
            (Form(_COMPLEX_PRODUCT, ("x", "y"), spans_calls=True),),
        ),
        # The derivative is dy times the direction of each number.
        Composite(
            framework_operator("ComplexAbs", saves_direction),
            (Form(made("ReduceL2", Tensor("x")), ("x",), _is_of_complex, spans_calls=True),),
        ),
    )
