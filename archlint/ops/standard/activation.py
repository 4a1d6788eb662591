"""Pointwise activations, softmax and dropout."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType

from archlint.frontends.properties import PER_CHANNEL
from archlint.graph.program.calls import exported_call
from archlint.ops.autocast import IN_HALF, KEEPS, SINGLE_ON_GPU
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes, width
from archlint.ops.effect import Effect, Passes
from archlint.ops.facets import (
    OF_QUOTIENT,
    no_cost,
    per_output,
    saves_input,
    saves_nothing,
    saves_output,
    sees_elementwise,
    sees_first_input,
)
from archlint.ops.links import InputLinks, Whole, same_axes_but
from archlint.ops.masking import Masks
from archlint.ops.nonlinearity import function_of
from archlint.ops.operator import Operator, SavedFacet
from archlint.ops.overwriting import saves_input_or_output, saves_output_or_rewrites
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import measures_loss, shares
from archlint.ops.storage import LIKE_INPUTS, Layout, Storage
from archlint.ops.strides import Strides

# The bounds of ReLU6 and of a hard tanh.
_ACTIVATION_BOUNDS = frozenset({(0.0, 6.0), (-1.0, 1.0)})


def saves_clipped(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input; the derivative makes a mask of what is inside each bound.

    The bounds of a ReLU6 and of a hard tanh mean those activations, which make no mask.
    """
    if not gradients[0]:
        return NOTHING
    bounds = [call.constant(slot) for slot in (1, 2) if call.has_input(slot)]
    exported = exported_call(call.node)
    if exported is None:
        known = tuple(float(bound.item()) for bound in bounds if bound is not None)
        is_activation = known in _ACTIVATION_BOUNDS
    else:
        is_activation = not exported.target.startswith("aten.clamp")
    masks = 0 if is_activation else len(bounds)
    return SavedTensors(inputs=(0,), transient=masks * call.elements(0))


def saves_softsign(call: Call, gradients: Gradients) -> SavedTensors:
    """PyTorch composes x / (1 + |x|), and saves the input and the divisor."""
    size = nbytes(call.input(0))
    if not gradients[0]:
        return SavedTensors(forward_transient=size)
    return SavedTensors(inputs=(0,), own=size, transient=OF_QUOTIENT * size)


def saves_slopes(call: Call, gradients: Gradients) -> SavedTensors:
    """PReLU saves its input and its slopes, and always computes the gradients of both."""
    if not gradients.needed:
        return NOTHING
    unused = 0 if gradients[0] else nbytes(call.input(0))
    return SavedTensors(inputs=call.present(), transient=unused)


# Which tensor the derivative is a function of, as PyTorch's autograd formulas have it, and a rough
# count of FLOP an element (a transcendental counts as four).
_POINTWISE: Mapping[str, tuple[SavedFacet, int]] = MappingProxyType(
    {
        "Relu": (saves_output_or_rewrites, 1),
        "Sigmoid": (saves_output, 4),
        "Tanh": (saves_output, 4),
        "LeakyRelu": (saves_input_or_output(often_in_place=True), 2),
        "Elu": (saves_input_or_output(), 4),
        "Selu": (saves_input_or_output(), 4),
        "Celu": (saves_input_or_output(), 4),
        "Gelu": (saves_input, 8),
        "HardSigmoid": (saves_input, 3),
        "HardSwish": (saves_input, 4),
        "Swish": (saves_input, 5),
        "Mish": (saves_input, 9),
        "Softplus": (saves_input, 4),
        "Softsign": (saves_softsign, 3),
        "ThresholdedRelu": (saves_input, 1),
        "Shrink": (saves_input, 2),
        "Clip": (saves_clipped, 2),
    }
)


def sees_softmax(call: Call, _: int) -> InputLinks:
    """Every output reads all of the normalized axis, and its own position on the others."""
    rank = call.rank(0)
    axis = call.integer("axis", -1 if call.graph.opset >= 13 else 1) % rank
    # Before opset 13 all axes from `axis` on were normalized together.
    normalized = {axis} if call.graph.opset >= 13 else range(axis, rank)
    links = list(same_axes_but(rank, normalized))
    if axis == rank - 1 > 0 and Masks(call.graph).scores_causally(call.node.inputs[0]):
        links[axis] = Whole(axis, causal=axis - 1)
    return {0: tuple(links)}


def saves_mask(call: Call, gradients: Gradients) -> SavedTensors:
    """Dropout in training saves a mask of its input's size, of bools or of numbers.

    One of whole channels saves a number for each.
    """
    if not _drops(call):
        return NOTHING
    if call.node.metadata.get(PER_CHANNEL) == "true":
        own = prod(call.shape(0)[:2]) * width(call.input(0)) // 8
    else:
        own = call.elements(0) if gradients.bool_masks else nbytes(call.input(0))
    if not gradients[0]:
        return SavedTensors(forward_transient=own)
    # The second output that a file may write is the mask that is saved, and no other tensor.
    written = nbytes(call.output(1)) if call.has_output(1) else 0
    return SavedTensors(own=own, forward_transient=-written)


def views_undropped(call: Call, _: int, strides: Strides) -> Strides | None:
    """An inactive dropout returns its input."""
    return None if _drops(call) else strides


def _drops(call: Call) -> bool:
    """Whether the dropout is active when training: its ratio is not a known zero."""
    if not call.has_input(1):
        return call.number("ratio", 0.5) > 0
    ratio = call.constant(1)
    return ratio is None or bool((ratio > 0).any())


def drops(call: Call) -> Effect:
    """Elements are unchanged, or a fraction of them (one half by default) is zero in training."""
    if not _drops(call):
        return Passes(in_place=True)
    ratio = call.constant(1) if call.has_input(1) else None
    share = call.number("ratio", 0.5) if ratio is None else float(ratio.reshape(-1)[0])
    return Passes(in_place=True, dropped=share)


def saves_gate(call: Call, gradients: Gradients) -> SavedTensors:
    """Save gate and value, and the activated gate, which is multiplied with the value."""
    if not gradients.needed:
        return NOTHING
    return SavedTensors(inputs=(0, 1), own=nbytes(call.output()))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    pointwise = [
        Operator(
            name,
            per_output(flops),
            saved,
            sees_first_input,
            function_of(name),
            storage=LIKE_INPUTS,
            casting=SINGLE_ON_GPU if name == "Softplus" else KEEPS,
        )
        for name, (saved, flops) in _POINTWISE.items()
    ]
    return (
        *pointwise,
        Operator(
            "PRelu",
            per_output(2),
            saves_slopes,
            sees_first_input,
            function_of("PRelu"),
            weights=(1,),
            storage=LIKE_INPUTS,
            casting=IN_HALF,
        ),
        Operator(
            "Softmax",
            per_output(6),
            saves_output,
            sees_softmax,
            shares,
            casting=SINGLE_ON_GPU,
        ),
        Operator(
            "LogSoftmax",
            per_output(7),
            saves_output,
            sees_softmax,
            measures_loss(),
            casting=SINGLE_ON_GPU,
        ),
        Operator("SwiGLU", per_output(6), saves_gate, sees_elementwise, storage=LIKE_INPUTS),
        Operator("Hardmax", per_output(1), saves_nothing, sees_softmax, differentiable=False),
        Operator(
            "Dropout",
            no_cost,
            saves_mask,
            sees_first_input,
            drops,
            storage=Storage(
                view=views_undropped, gradient_view=views_undropped, layout=Layout.FOLLOWS
            ),
            backward=Backward.REGROUPS,
        ),
    )
