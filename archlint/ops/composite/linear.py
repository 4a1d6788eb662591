"""Linear layers, which exporters write as a transposition, a product and an addition."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.value import Role
from archlint.ops.autocast import IN_HALF
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.pattern import Matching, Tensor, made
from archlint.ops.kept import Gradients, Kept
from archlint.ops.matrix import keeps_matmul, merges_product
from archlint.record import replace

_PRODUCT = made("MatMul", Tensor("x"), Tensor("weight"))


def keeps_linear(call: Call, gradients: Gradients) -> Kept:
    """Keep what a product keeps; a copied input also means that the bias is added afterwards."""
    kept = keeps_matmul(call, gradients)
    added = nbytes(call.output()) + kept.forward_transient
    return replace(kept, forward_transient=added) if kept.own else kept


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator(
                "Linear", keeps_linear, weights=(1, 2), casting=IN_HALF, merged=merges_product
            ),
            (
                Form(
                    made("Add", Tensor("bias"), _PRODUCT),
                    ("x", "weight", "bias"),
                    _has_stored_bias,
                ),
            ),
            ("aten.linear.default",),
            (0, 1, 2),
        ),
    )


def _has_stored_bias(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a row of numbers from the file as the bias, and a matrix that is no activation."""
    bias = graph.values[matching.tensors["bias"]]
    weight = graph.values[matching.tensors["weight"]]
    if bias.role is not Role.STORED or bias.shape is None or len(bias.shape) != 1:
        return None
    return NONE if weight.shape is not None and len(weight.shape) == 2 else None
