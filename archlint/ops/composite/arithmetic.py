"""Arithmetic that exporters write in several steps: logarithms, interpolation, bounds."""

from __future__ import annotations

from archlint.ops.arithmetic import keeps_argument, keeps_result
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.composite.composite import Composite, Form, framework_operator
from archlint.ops.composite.pattern import Number, Tensor, made
from archlint.ops.facets import keeps_nothing
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.operator import KeptFacet, Layout

# baddbmm, as TorchScript writes it: both terms are multiplied by a factor, most often by one.
_SCALED_SUM = made(
    "Add",
    made("Mul", made("MatMul", Tensor("a"), Tensor("b")), Number(1)),
    made("Mul", Tensor("x"), Number(1)),
)


def keeps_bounded(call: Call, gradients: Gradients) -> Kept:
    """Keep the input and the bounds; the derivative makes a mask of what is inside each bound."""
    if not gradients.needed:
        return NOTHING
    given = call.present()
    return Kept(inputs=given, transient=(len(given) - 1) * call.output_elements())


def keeps_batched_factors(_: Call, gradients: Gradients) -> Kept:
    """Keep each factor where the other one needs a gradient; what is added needs nothing."""
    return Kept(((1,) if gradients[2] else ()) + ((2,) if gradients[1] else ()))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family: most of them torch.export alone tells."""
    return (
        _pointwise("Log1p", keeps_argument(1), "log1p.default"),
        _pointwise("Expm1", keeps_result(1), "expm1.default"),
        *(_pointwise(f"Log{base}", keeps_argument(1), f"log{base}.default") for base in (2, 10)),
        _pointwise("Lerp", keeps_nothing, "lerp.Scalar", (0, 1)),
        _pointwise("Clamp", keeps_bounded, "clamp.Tensor", (0, 1, 2)),
        Composite(
            framework_operator("Baddbmm", keeps_batched_factors, backward=Backward.PASSES_FIRST),
            (Form(_SCALED_SUM, ("x", "a", "b")),),
            ("aten.baddbmm.default",),
            (0, 1, 2),
        ),
    )


def _pointwise(
    name: str, kept: KeptFacet, target: str, arguments: tuple[int, ...] = (0,)
) -> Composite:
    return Composite(
        framework_operator(name, kept, layout=Layout.FOLLOWS),
        targets=(f"aten.{target}",),
        arguments=arguments,
    )
