"""Activations that exporters write as arithmetic: GELU, SiLU, Mish, hard swish, GLU and others."""

from __future__ import annotations

from math import pi, sqrt

from archlint.ops.autocast import KEEPS, SINGLE_ON_GPU
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import Composite, Form, framework_operator
from archlint.ops.composite.pattern import Number, Pattern, Tensor, made
from archlint.ops.facets import keeps_input
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.operator import KeptFacet, Layout

X = Tensor("x")


def keeps_input_and_buffer(call: Call, gradients: Gradients) -> Kept:
    """Keep the input and, on the CPU, a tensor of its size that the forward pass made."""
    if not gradients[0]:
        return NOTHING
    return Kept(inputs=(0,), own=0 if gradients.on_gpu else nbytes(call.output()))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        _pointwise(
            "Gelu",
            "gelu",
            # x * (1 + erf(x / sqrt 2)) * 0.5, in the order of the TorchScript exporter
            _times(_times(X, _plus(made("Erf", _over(X, sqrt(2))), 1)), Number(0.5)),
            # the same with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for erf
            _times(_times(X, _plus(made("Tanh", _inner(_cube(X))), 1)), Number(0.5)),
        ),
        _pointwise("Silu", "silu", _times(X, made("Sigmoid", X))),
        _pointwise("Mish", "mish", _times(X, made("Tanh", made("Softplus", X)))),
        _pointwise(
            "Hardswish",
            "hardswish",
            _times(X, made("HardSigmoid", X)),
            _over(_times(X, made("Clip", _plus(X, 3), Number(0), Number(6))), 6),
        ),
        _pointwise(
            "LogSigmoid",
            "log_sigmoid",
            made("Log", made("Sigmoid", X)),
            kept=keeps_input_and_buffer,
        ),
        *(_pointwise(name.capitalize(), name) for name in ("softplus", "elu", "selu", "celu")),
        _pointwise("Hardtanh", "hardtanh"),
        Composite(
            framework_operator("Glu", keeps_input),
            (Form(_times(_half(0), made("Sigmoid", _half(1)))),),
            ("aten.glu.default",),
        ),
    )


def _pointwise(
    name: str, target: str, *patterns: Pattern, kept: KeptFacet = keeps_input
) -> Composite:
    casting = SINGLE_ON_GPU if name == "Softplus" else KEEPS
    return Composite(
        framework_operator(name, kept, layout=Layout.FOLLOWS, casting=casting),
        tuple(Form(pattern) for pattern in patterns),
        (f"aten.{target}.default", f"aten.{target}_.default"),
    )


def _times(left: Pattern, right: Pattern) -> Pattern:
    return made("Mul", left, right)


def _plus(left: Pattern, number: float) -> Pattern:
    return made("Add", left, Number(number))


def _over(left: Pattern, number: float) -> Pattern:
    return made("Div", left, Number(number))


def _cube(x: Pattern) -> Pattern:
    return _times(x, _times(x, x))


def _inner(cube: Pattern) -> Pattern:
    """Return sqrt(2 / pi) (x + 0.044715 x^3)."""
    return _times(Number(sqrt(2 / pi)), made("Add", X, _times(Number(0.044715), cube)))


def _half(place: int) -> Pattern:
    return made("Split", X, output=place)
