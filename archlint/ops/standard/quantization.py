"""Quantization and dequantization."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.facets import per_output, saves_nothing, sees_first_input
from archlint.ops.links import InputLinks
from archlint.ops.operator import Operator
from archlint.ops.signals import passes
from archlint.ops.weight_origin import WeightOrigin


def sees_scaled(call: Call, output: int) -> InputLinks:
    """Elements keep their positions; the range of a tensor, which scales them, is no data path."""
    return sees_first_input(call, output) if output == 0 else {}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator("QuantizeLinear", per_output(2), saves_nothing, sees_first_input, passes),
        Operator(
            "DequantizeLinear",
            per_output(2),
            saves_nothing,
            sees_first_input,
            passes,
            origin=WeightOrigin.SAME,
        ),
        Operator("DynamicQuantizeLinear", per_output(3), saves_nothing, sees_scaled, passes),
    )
