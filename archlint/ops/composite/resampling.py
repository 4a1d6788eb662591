"""Resizing and sampling grids, which torch.export computes element by element."""

from __future__ import annotations

from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import Composite, Form, framework_operator, if_called
from archlint.ops.composite.pattern import Made, Tensor, made
from archlint.ops.facets import saves_nothing
from archlint.ops.saved import NOTHING, Gradients, SavedTensors

_THETA = made("Unsqueeze", made("Transpose", Tensor("x")))


def saves_for_grid(call: Call, gradients: Gradients) -> SavedTensors:
    """Save nothing: the places, with a one beside each, are made again in the backward pass."""
    if not gradients[0]:
        return NOTHING
    axes = call.output_shape()[-1]
    return SavedTensors(transient=nbytes(call.output()) * (axes + 1) // axes)


def _looked_up(label: str) -> Made:
    """Return elements at places along the last axes, which are the first ones while it looks."""
    return made("Transpose", made("GatherND", made("Transpose", Tensor("x"))), label=label)


def _beside(label: str) -> Made:
    return made("Pad", Tensor(label))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    left, right = _looked_up("left"), _looked_up("right")
    between = made("Add", left, made("Mul", made("Sub", right, left), Tensor("weight")))
    resized = tuple(
        Form(form, ("x",), if_called("interpolate"), spans_calls=True)
        for form in (between, _looked_up("nearest"))
    )
    # The places across, up and maybe deep, and a one: each is padded to stand beside the others.
    flat = made("Add", made("Add", _beside("across"), _beside("up")), _beside("one"))
    grids = tuple(
        Form(made("ReduceSum", made("Mul", made("Reshape", places), _THETA)), spans_calls=True)
        for places in (flat, made("Add", flat, _beside("deep")))
    )
    # An optimizer works the places out beforehand: they depend on sizes alone.
    folded = Form(
        made("ReduceSum", made("Mul", Tensor("places"), _THETA)),
        attributes=if_called("affine_grid"),
        spans_calls=True,
    )
    return (
        Composite(framework_operator("Interpolation", saves_nothing), resized),
        Composite(
            framework_operator("AffineGrid", saves_for_grid),
            (*grids, folded),
        ),
    )
