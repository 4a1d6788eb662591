"""Quantizing and dequantizing, and products of quantized operands from com.microsoft."""

from __future__ import annotations

from archlint.ops.facets import keeps_nothing, no_cost, per_output, sees_first_input
from archlint.ops.matrix import keeps_factors, matmul_cost, sees_matmul
from archlint.ops.operator import Operator
from archlint.ops.signals import passes, sums_product


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    contrib = "com.microsoft"
    return (
        Operator("QuantizeLinear", per_output(2), keeps_nothing, sees_first_input, passes),
        Operator(
            "DequantizeLinear",
            per_output(2),
            keeps_nothing,
            sees_first_input,
            passes,
            carries_weight=True,
        ),
        Operator("DynamicQuantizeLinear", per_output(3), keeps_nothing, sees_first_input, passes),
        Operator(
            "QuantizeLinear", no_cost, keeps_nothing, sees_first_input, passes, domain=contrib
        ),
        Operator(
            "DequantizeLinear", no_cost, keeps_nothing, sees_first_input, passes, domain=contrib
        ),
        *(
            Operator(
                name,
                matmul_cost(0, 1),
                keeps_factors,
                sees_matmul(0, 1),
                sums_product(0, 1),
                weights=(0, 1),
                differentiable=False,
                domain=contrib,
            )
            for name in ("MatMulIntegerToFloat", "DynamicQuantizeMatMul")
        ),
        Operator(
            "FusedMatMul",
            matmul_cost(0, 1),
            keeps_factors,
            sees_matmul(0, 1),
            sums_product(0, 1),
            weights=(0, 1),
            domain=contrib,
        ),
    )
