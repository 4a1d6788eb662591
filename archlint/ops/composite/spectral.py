"""Complex numbers, of which ONNX has only real and imaginary parts side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlint.ops.composite.composite import Attributes, Composite, Form, framework_operator
from archlint.ops.composite.pattern import Tensor, made
from archlint.ops.facets import keeps_nothing
from archlint.ops.matrix import keeps_factors
from archlint.ops.operator import Layout
from archlint.ops.strides import Strides, contiguous_along

if TYPE_CHECKING:
    from archlint.ops.call import Call
    from archlint.ops.composite.exported import ExportedCall


# (a + bi) (c + di) = ac - bd + (ad + bc) i, of parts that are cut from the last axis
_PARTS = made("Mul", made("Slice", Tensor("x")), made("Slice", Tensor("y")))
_COMPLEX_PRODUCT = made("Concat", made("Sub", _PARTS, _PARTS), made("Add", _PARTS, _PARTS))


def _axes(call: ExportedCall) -> Attributes | None:
    """Read the axes that are transformed, the last one at last."""
    axes = tuple(map(int, re.findall(r"-?\d+", call.argument(1))))
    return {"axes": axes} if axes else None


def lies_along_signal(call: Call, _: Sequence[Strides | None]) -> Strides:
    """Return the strides of the signals: the last axis that was transformed lies in one piece."""
    axes, shape = call.integers("axes") or (-1,), call.output_shape()
    return contiguous_along(shape, (axes[-1] % len(shape),))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("RealSignal", keeps_nothing, layout=lies_along_signal),
            targets=("aten._fft_c2r.default",),
            reads=_axes,
        ),
        Composite(
            framework_operator("ComplexMul", keeps_factors, layout=Layout.FOLLOWS),
            (Form(_COMPLEX_PRODUCT, ("x", "y"), spans_calls=True),),
        ),
    )
