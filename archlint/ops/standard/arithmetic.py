"""Elementwise arithmetic, comparisons and pointwise functions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.ops.autocast import KEEPS, SINGLE_ON_GPU, CastingFacet
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.effect import Combines, Effect, Holds, Operation, Passes
from archlint.ops.facets import per_output, saves_nothing, sees_elementwise
from archlint.ops.masking import Masks
from archlint.ops.nonlinearity import function_of
from archlint.ops.operator import Operator, SavedFacet, SignalFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import combines
from archlint.ops.standard.matrix import saves_factors
from archlint.ops.storage import LIKE_INPUTS
from archlint.ops.undetermined import Undetermined


def saves_quotient(call: Call, gradients: Gradients) -> SavedTensors:
    """Save what a / b needs: b for da = dy / b, both for db = -dy a / b^2."""
    if gradients[1]:  # its derivative comes first, in four steps
        waiting = 3 - gradients[0]
        return SavedTensors(inputs=(0, 1), transient=waiting * nbytes(call.output()))
    return SavedTensors(inputs=(1,)) if gradients[0] else NOTHING


def saves_power(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the base; a trained exponent needs the result as well.

    Where the base is a number the derivative is dy y log(a), and where it is a tensor besides made
    anew where it is zero.
    """
    if gradients[1] and call.constant(0) is not None:
        return SavedTensors(outputs=(0,), inputs=(1,), transient=nbytes(call.output()))
    if gradients[1]:
        return SavedTensors(inputs=(0, 1), outputs=(0,), transient=3 * nbytes(call.output()))
    if not gradients[0]:
        return NOTHING
    return SavedTensors(inputs=(0,), transient=2 * nbytes(call.output()))


def saves_remainder(call: Call, gradients: Gradients) -> SavedTensors:
    """Save both inputs for the divisor's gradient, -dy round(a / b)."""
    if not gradients[1]:
        return NOTHING
    return SavedTensors(inputs=(0, 1), transient=2 * nbytes(call.output()))


def saves_argument(tensors: int) -> SavedFacet:
    """Save the input; the derivative takes `tensors` steps that each make a tensor."""

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients[0]:
            return NOTHING
        return SavedTensors(inputs=(0,), transient=tensors * nbytes(call.output()))

    return saved


def saves_result(tensors: int) -> SavedFacet:
    """Save the output; the derivative takes `tensors` steps that each make a tensor."""

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients[0]:
            return NOTHING
        return SavedTensors(outputs=(0,), transient=tensors * nbytes(call.output()))

    return saved


def saves_compared(call: Call, gradients: Gradients) -> SavedTensors:
    """Save both inputs of a maximum or minimum: where they are equal, each gets half the gradient.

    The last gradient is computed from a halved one, with masks of equal and of larger elements.
    """
    if not gradients.needed:
        return NOTHING
    masks = 2 * call.output_elements()
    return SavedTensors(inputs=call.present(), transient=nbytes(call.output()) + masks)


def saves_condition(_: Call, gradients: Gradients) -> SavedTensors:
    """Save the condition of a Where."""
    return SavedTensors(inputs=(0,)) if gradients.needed else NOTHING


def chooses(call: Call) -> Effect:
    """Replace elements by a constant: the others keep their distribution.

    A constant that represents minus infinity masks elements, and has no effect on the scale.
    """
    masks = Masks(call.graph)
    blocking = [masks.blocks(name) for name in call.node.inputs[1:]]
    if sum(blocking) == 1:
        return Passes(1 + blocking.index(False), in_place=True)
    for filler, source in ((1, 2), (2, 1)):
        if call.constant(filler) is not None:
            return Passes(source)
    raise Undetermined("a choice between two computed tensors")


def adds(call: Call) -> Effect:
    """Add all inputs; a mask, which blocks some of the elements, leaves the others as they are."""
    slots = tuple(range(len(call.node.inputs)))
    users = call.graph.consumers.get(call.node.output, ())
    if any(user.op in _AROUND_A_SOFTMAX for user in users):
        masks = Masks(call.graph)
        kept = [slot for slot in slots if not masks.blocks(call.node.inputs[slot])]
        if len(kept) == 1:
            return Passes(kept[0], in_place=True)
    return Combines(Operation.ADD, slots)


def multiplies(call: Call) -> Effect:
    """Multiply all inputs; with what stands for minus infinity, zeros and ones become a mask."""
    masks = Masks(call.graph)
    if any(
        call.graph.constants.get(name) is not None and masks.blocks(name)
        for name in call.node.inputs
    ):
        return Holds(0.0)
    return Combines(Operation.MULTIPLY, tuple(range(len(call.node.inputs))))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        _binary("Add", saves_nothing, adds, Backward.PASSES),
        _binary("Sub", saves_nothing, combines(Operation.SUBTRACT), Backward.PASSES_FIRST),
        _binary("Sum", saves_nothing, combines(Operation.ADD), Backward.PASSES),
        _binary("Mul", saves_factors, multiplies),
        _binary("Div", saves_quotient, combines(Operation.DIVIDE)),
        _binary("Pow", saves_power, function_of("Pow"), casting=SINGLE_ON_GPU),
        _binary("Mod", saves_remainder, backward=Backward.PASSES_FIRST),
        _binary("Max", saves_compared),
        _binary("Min", saves_compared),
        _binary("Mean", saves_nothing),
        Operator(
            "Where",
            per_output(1),
            saves_condition,
            sees_elementwise,
            chooses,
            storage=LIKE_INPUTS,
        ),
        *(_unary(name, saves_argument(tensors)) for name, tensors in _OF_INPUT.items()),
        *(_unary(name, saves_result(tensors)) for name, tensors in _OF_OUTPUT.items()),
        *(_unary(name, saves_nothing) for name in ("Neg", "Sign", "Floor", "Ceil", "Round")),
        *(
            Operator(name, per_output(1), saves_nothing, sees_elementwise, differentiable=False)
            for name in _COMPARISONS
        ),
    )


# The tensors that the derivative's formula makes on the way, as PyTorch writes it.
_OF_INPUT: Mapping[str, int] = MappingProxyType(
    {
        "Abs": 1,
        "Log": 0,
        "Erf": 4,
        "Sin": 1,
        "Cos": 2,
        "Asin": 4,
        "Acos": 5,
        "Atan": 2,
        "Sinh": 1,
        "Cosh": 1,
        "Asinh": 3,
        "Acosh": 3,
        "Atanh": 3,
    }
)
_OF_OUTPUT: Mapping[str, int] = MappingProxyType({"Exp": 0, "Sqrt": 1, "Reciprocal": 2, "Tan": 2})

_AROUND_A_SOFTMAX = frozenset({"Softmax", "Add", "Max", "Reshape", "Cast"})
# Steep functions, whose results leave the range of half precision.
_SINGLE_ON_GPU = frozenset({"Exp", "Log", "Reciprocal", "Tan", "Acos", "Asin", "Cosh", "Sinh"})

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
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "BitwiseNot",
)


def _binary(
    name: str,
    saved: SavedFacet,
    signal: SignalFacet | None = None,
    backward: Backward = Backward.MAKES,
    casting: CastingFacet = KEEPS,
) -> Operator:
    return Operator(
        name,
        per_output(1),
        saved,
        sees_elementwise,
        signal,
        weights=(0, 1),
        scalars_are_constants=True,
        storage=LIKE_INPUTS,
        backward=backward,
        casting=casting,
    )


def _unary(name: str, saved: SavedFacet) -> Operator:
    return Operator(
        name,
        per_output(1),
        saved,
        sees_elementwise,
        function_of(name),
        storage=LIKE_INPUTS,
        casting=SINGLE_ON_GPU if name in _SINGLE_ON_GPU else KEEPS,
    )
