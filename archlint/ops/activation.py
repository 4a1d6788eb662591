"""Pointwise non-linearities, softmax and dropout."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.frontends.properties import IN_PLACE
from archlint.ops.autocast import IN_HALF, KEEPS, SINGLE_ON_GPU
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.effect import Effect, Passes
from archlint.ops.facets import (
    keeps_input,
    keeps_inputs,
    keeps_nothing,
    keeps_output,
    no_cost,
    per_output,
    sees_first_input,
)
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.links import Sight, Whole, same_axes_but
from archlint.ops.masking import Masks
from archlint.ops.nonlinearity import function_of
from archlint.ops.operator import KeptFacet, Layout, Operator
from archlint.ops.signals import shares
from archlint.ops.strides import Strides

# Operators whose output nobody needs for their own derivative, so that it may be overwritten.
_OVERWRITTEN = frozenset(
    {
        "Add",
        "BatchNorm",
        "BatchNormalization",
        "Conv",
        "ConvTranspose",
        "Gemm",
        "GroupNorm",
        "GroupNormalization",
        "InstanceNormalization",
        "LayerNorm",
        "LayerNormalization",
        "Linear",
        "MatMul",
        "Sub",
    }
)


def keeps_leaky(call: Call, gradients: Gradients) -> Kept:
    """Keep the input, or the output alone where a leaky ReLU is computed in place.

    Few files say which it was, and both are common. Where nobody else keeps the output, both cost
    the same.
    """
    kept = keeps_exponential(call, gradients)
    if not kept.inputs or _is_in_place(call, gradients) is not None or not _may_overwrite(call):
        return kept
    depends_on = "whether it is computed in place, which training.in-place says"
    return Kept(
        outputs=(0,),
        own_high=nbytes(call.input(0)),
        depends_on=depends_on,
        beside_others=True,
    )


def keeps_exponential(call: Call, gradients: Gradients) -> Kept:
    """Keep the input, or the output alone where activations are said to be computed in place.

    The derivative is a function of either.
    """
    if not gradients[0]:
        return NOTHING
    overwrites = _is_in_place(call, gradients) is True and _may_overwrite(call)
    return Kept(outputs=(0,)) if overwrites else Kept(inputs=(0,))


def _is_in_place(call: Call, gradients: Gradients) -> bool | None:
    """Whether the file, or else the target, says that a call overwrites its input."""
    stated = call.node.metadata.get(IN_PLACE)
    return gradients.in_place if stated is None else stated == "true"


def _may_overwrite(call: Call) -> bool:
    """Whether an activation may be computed in place: nobody else needs what it is given."""
    source = call.node.inputs[0]
    producer = call.graph.producers.get(source)
    return (
        producer is not None
        and producer.op in _OVERWRITTEN
        and source not in call.graph.outputs
        and len(call.graph.consumers[source]) == 1
    )


# Which tensor the derivative is a function of, as PyTorch's autograd formulas have it, and a rough
# count of FLOP an element (a transcendental counts as four).
_POINTWISE: Mapping[str, tuple[KeptFacet, int]] = MappingProxyType(
    {
        "Relu": (keeps_output, 1),
        "Sigmoid": (keeps_output, 4),
        "Tanh": (keeps_output, 4),
        "LeakyRelu": (keeps_leaky, 2),
        "Elu": (keeps_exponential, 4),
        "Selu": (keeps_exponential, 4),
        "Celu": (keeps_exponential, 4),
        "Gelu": (keeps_input, 8),
        "HardSigmoid": (keeps_input, 3),
        "HardSwish": (keeps_input, 4),
        "Swish": (keeps_input, 5),
        "Mish": (keeps_input, 9),
        "Softplus": (keeps_input, 4),
        "Softsign": (keeps_input, 3),
        "ThresholdedRelu": (keeps_input, 1),
        "Shrink": (keeps_input, 2),
        "Clip": (keeps_input, 2),
    }
)


def sees_softmax(call: Call, _: int) -> Sight:
    """Every output reads all of the normalized axis, and its own place on the others."""
    rank = call.rank(0)
    axis = call.integer("axis", -1 if call.graph.opset >= 13 else 1) % rank
    # Before opset 13 all axes from `axis` on were normalized together.
    normalized = {axis} if call.graph.opset >= 13 else range(axis, rank)
    links = list(same_axes_but(rank, normalized))
    if axis == rank - 1 > 0 and Masks(call.graph).scores_causally(call.node.inputs[0]):
        links[axis] = Whole(axis, causal=axis - 1)
    return {0: tuple(links)}


def keeps_mask(call: Call, gradients: Gradients) -> Kept:
    """Dropout in training keeps a mask of its input's size, of bools or of numbers."""
    if not gradients[0] or not _drops(call):
        return NOTHING
    return Kept(own=call.elements(0) if gradients.bool_masks else nbytes(call.input(0)))


def views_undropped(call: Call, _: int, strides: Strides) -> Strides | None:
    """A dropout of nothing hands its input on."""
    return None if _drops(call) else strides


def _drops(call: Call) -> bool:
    """Whether the dropout is active when training: its ratio is not a known zero."""
    if not call.has_input(1):
        return call.number("ratio", 0.5) > 0
    ratio = call.constant(1)
    return ratio is None or bool((ratio > 0).any())


def drops(call: Call) -> Effect:
    """Elements stay, or a share of them becomes zero in training: one half where it is open."""
    if not _drops(call):
        return Passes(in_place=True)
    ratio = call.constant(1) if call.has_input(1) else None
    share = call.number("ratio", 0.5) if ratio is None else float(ratio.reshape(-1)[0])
    return Passes(in_place=True, dropped=share)


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    pointwise = [
        Operator(
            name,
            per_output(flops),
            kept,
            sees_first_input,
            function_of(name),
            layout=Layout.FOLLOWS,
            casting=SINGLE_ON_GPU if name == "Softplus" else KEEPS,
        )
        for name, (kept, flops) in _POINTWISE.items()
    ]
    return (
        *pointwise,
        Operator(
            "PRelu",
            per_output(2),
            keeps_inputs,
            sees_first_input,
            function_of("PRelu"),
            weights=(1,),
            layout=Layout.FOLLOWS,
            casting=IN_HALF,
        ),
        Operator(
            "Softmax",
            per_output(6),
            keeps_output,
            sees_softmax,
            shares,
            casting=SINGLE_ON_GPU,
        ),
        Operator("LogSoftmax", per_output(7), keeps_output, sees_softmax, casting=SINGLE_ON_GPU),
        Operator("Hardmax", per_output(1), keeps_nothing, sees_softmax, differentiable=False),
        Operator(
            "Dropout",
            no_cost,
            keeps_mask,
            sees_first_input,
            drops,
            view=views_undropped,
            unview=views_undropped,
            backward=Backward.REGROUPS,
            layout=Layout.FOLLOWS,
        ),
    )
