"""Elementwise arithmetic, comparisons and pointwise functions."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.effect import Operation
from archlint.ops.facets import (
    keeps_input,
    keeps_nothing,
    keeps_output,
    per_output,
    sees_elementwise,
)
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.matrix import keeps_factors
from archlint.ops.nonlinearity import function_of
from archlint.ops.operator import KeptFacet, Operator, SignalFacet
from archlint.ops.signals import combines


def keeps_quotient(_: Call, gradients: Gradients) -> Kept:
    """Keep what a / b needs: b for da = dy / b, both for db = -dy a / b^2."""
    if gradients[1]:
        return Kept(inputs=(0, 1))
    return Kept(inputs=(1,)) if gradients[0] else NOTHING


def keeps_power(_: Call, gradients: Gradients) -> Kept:
    """Keep the base; a trained exponent needs the result as well."""
    if gradients[1]:
        return Kept(inputs=(0, 1), outputs=(0,))
    return Kept(inputs=(0,)) if gradients[0] else NOTHING


def keeps_all_inputs(call: Call, gradients: Gradients) -> Kept:
    """Keep both sides: which one was larger decides where the gradient goes."""
    return Kept(inputs=tuple(range(len(call.node.inputs)))) if gradients.needed else NOTHING


def keeps_condition(_: Call, gradients: Gradients) -> Kept:
    """Keep the condition of a Where."""
    return Kept(inputs=(0,)) if gradients.needed else NOTHING


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        _binary("Add", keeps_nothing, combines(Operation.ADD)),
        _binary("Sub", keeps_nothing, combines(Operation.SUBTRACT)),
        _binary("Sum", keeps_nothing, combines(Operation.ADD)),
        _binary("Mul", keeps_factors, combines(Operation.MULTIPLY)),
        _binary("Div", keeps_quotient, combines(Operation.DIVIDE)),
        _binary("Pow", keeps_power, function_of("Pow")),
        _binary("Max", keeps_all_inputs),
        _binary("Min", keeps_all_inputs),
        _binary("Mean", keeps_nothing),
        Operator("Where", per_output(1), keeps_condition, sees_elementwise),
        *(_unary(name, keeps_input) for name in _FUNCTIONS_OF_INPUT),
        *(_unary(name, keeps_output) for name in ("Exp", "Sqrt", "Reciprocal")),
        *(_unary(name, keeps_nothing) for name in ("Neg", "Sign", "Floor", "Ceil", "Round")),
        *(
            Operator(name, per_output(1), keeps_nothing, sees_elementwise, differentiable=False)
            for name in _COMPARISONS
        ),
    )


_FUNCTIONS_OF_INPUT = (
    "Abs",
    "Log",
    "Erf",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Asinh",
    "Acosh",
    "Atanh",
)

_COMPARISONS = (
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "And",
    "Or",
    "Xor",
    "Not",
    "IsNaN",
    "IsInf",
    "Mod",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "BitwiseNot",
)


def _binary(name: str, kept: KeptFacet, signal: SignalFacet | None = None) -> Operator:
    return Operator(
        name,
        per_output(1),
        kept,
        sees_elementwise,
        signal,
        weights=(0, 1),
        scalars_are_constants=True,
    )


def _unary(name: str, kept: KeptFacet) -> Operator:
    return Operator(name, per_output(1), kept, sees_elementwise, function_of(name))
