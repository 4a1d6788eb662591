"""Linear and bilinear layers, and products with an addition."""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.value import Role
from archlint.ops.autocast import IN_HALF
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.pattern import Matching, Number, Tensor, made
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.standard.matrix import lies_as_computed, merges_product, saves_matmul
from archlint.ops.storage import Storage

# A layer is a transposition, a product and an addition.
_PRODUCT = made("MatMul", Tensor("x"), Tensor("weight"))
# baddbmm, as TorchScript writes it: both terms are multiplied by a factor, most often by one.
_SCALED_SUM = made(
    "Add",
    made("Mul", made("MatMul", Tensor("a"), Tensor("b")), Number(1)),
    made("Mul", Tensor("x"), Number(1)),
)


def saves_linear(call: Call, gradients: Gradients) -> SavedTensors:
    """Save what a product saves; a copied input also means that the bias is added afterwards."""
    saved = saves_matmul(call, gradients)
    added = nbytes(call.output()) + saved.forward_transient
    return replace(saved, forward_transient=added) if saved.own else saved


def saves_bilinear(call: Call, gradients: Gradients) -> SavedTensors:
    """Save both inputs; the bias is added afterwards, which makes a second tensor."""
    if not gradients.needed:
        return NOTHING
    return SavedTensors(
        inputs=(0, 1), forward_transient=nbytes(call.output()) if call.has_input(3) else 0
    )


def saves_batched_factors(_: Call, gradients: Gradients) -> SavedTensors:
    """Save each factor where the other one needs a gradient; what is added needs nothing."""
    return SavedTensors(((1,) if gradients[2] else ()) + ((2,) if gradients[1] else ()))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator(
                "Linear",
                saves_linear,
                weights=(1, 2),
                casting=IN_HALF,
                storage=Storage(layout=lies_as_computed, gradient_shape=merges_product),
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
        Composite(
            framework_operator("Bilinear", saves_bilinear, weights=(2, 3)),
            targets=("aten.bilinear.default",),
            arguments=(0, 1, 2, 3),
        ),
        Composite(
            framework_operator("Baddbmm", saves_batched_factors, backward=Backward.PASSES_FIRST),
            (Form(_SCALED_SUM, ("x", "a", "b")),),
            ("aten.baddbmm.default",),
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
