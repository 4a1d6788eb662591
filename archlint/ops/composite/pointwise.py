"""Pointwise functions that exporters write in several steps: clamps, remainders, lerps."""

from __future__ import annotations

from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import Composite, Form, framework_operator
from archlint.ops.composite.pattern import Made, Number, Pattern, Tensor, made
from archlint.ops.facets import saves_nothing
from archlint.ops.operator import SavedFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.standard.arithmetic import saves_argument, saves_remainder, saves_result
from archlint.ops.storage import LIKE_INPUTS

_X, _END, _WEIGHT = Tensor("x"), Tensor("end"), Tensor("weight")


def saves_bounded(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input and the bounds; the derivative makes a mask of what is inside each bound."""
    if not gradients.needed:
        return NOTHING
    given = call.present()
    return SavedTensors(inputs=given, transient=(len(given) - 1) * call.output_elements())


def saves_finite(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input, of which a mask of what is finite is made of two in the backward pass."""
    if not gradients[0]:
        return NOTHING
    return SavedTensors(inputs=(0,), transient=3 * call.output_elements())


def saves_mixed(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the weight of a mixture where an end needs a gradient, both ends where the weight does.

    x + w (y - x): dx = (1 - w) dz, dy = w dz, dw = (y - x) dz.
    """
    ends = gradients[0] or gradients[1]
    if not gradients.needed:
        return NOTHING
    saved = ((0, 1) if gradients[2] else ()) + ((2,) if ends else ())
    return SavedTensors(saved, transient=nbytes(call.output()))


def saves_weighted_product(call: Call, gradients: Gradients) -> SavedTensors:
    """Save each factor where the other one needs a gradient, which is scaled on the way."""
    saved = ((1,) if gradients[2] else ()) + ((2,) if gradients[1] else ())
    return SavedTensors(saved, transient=nbytes(call.output()) if saved else 0)


def saves_weighted_quotient(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the divisor, and what is divided where the divisor needs a gradient."""
    if not (gradients[1] or gradients[2]):
        return NOTHING
    return SavedTensors((1, 2) if gradients[2] else (2,), transient=4 * nbytes(call.output()))


def saves_both(tensors: int, masks: int = 0) -> SavedFacet:
    """Save both inputs; the derivative allocates `tensors` of their size, and `masks` of bools."""

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients.needed:
            return NOTHING
        made = tensors * nbytes(call.output()) + masks * call.output_elements()
        return SavedTensors(inputs=(0, 1), transient=made)

    return saved


def _where(condition: Pattern, chosen: Pattern, other: Pattern) -> Made:
    return made("Where", condition, chosen, other)


# What is near zero becomes zero: TorchScript asks for both sides, torch.export for the distance.
_OUTSIDE = made(
    "Or",
    made("Cast", made("Greater", _X, Number())),
    made("Cast", made("Less", _X, Number())),
)
_HARD_SHRUNK = (
    _where(_OUTSIDE, _X, Number(0)),
    _where(made("LessOrEqual", made("Abs", _X), Number()), Number(0), _X),
)
_SOFT_SHRUNK = (
    made(
        "Add",
        _where(made("Greater", _X, Number()), made("Sub", _X, Number()), Number(0)),
        _where(made("Less", _X, Number()), made("Add", _X, Number()), Number(0)),
    ),
    _where(
        made("Greater", made("Abs", _X), Number()),
        made("Sub", _X, made("Mul", made("Sign", _X), Number())),
        made("Mul", _X, Number(0)),
    ),
)
_FINITE = _where(
    Tensor("above"),
    Number(),
    _where(Tensor("below"), Number(), _where(made("IsNaN", _X), Number(), _X)),
)
_BETWEEN = made("Sub", _END, _X)
_MIXED = _where(
    made("Less", _WEIGHT, Number()),
    made("Add", _X, made("Mul", _BETWEEN, _WEIGHT)),
    made("Sub", _END, made("Mul", _BETWEEN, made("Sub", Number(1), _WEIGHT))),
)
_MIXED_BY_A_NUMBER = _where(
    Tensor("is small"),
    made("Add", _X, made("Mul", _BETWEEN, Number())),
    made("Sub", _END, made("Mul", _BETWEEN, Tensor("rest"))),
)
_REMAINDER = made("Sub", _X, made("Mul", made("Floor", made("Div", _X, Tensor("y"))), Tensor("y")))


def _one(*forms: Pattern) -> tuple[Form, ...]:
    return tuple(Form(form, spans_calls=True) for form in forms)


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family: most of them torch.export alone tells."""
    return (
        _pointwise("Log1p", saves_argument(1), "log1p.default"),
        _pointwise("Expm1", saves_result(1), "expm1.default"),
        *(_pointwise(f"Log{base}", saves_argument(1), f"log{base}.default") for base in (2, 10)),
        _pointwise("Logit", saves_argument(0), "logit.default"),
        _pointwise("Sinc", saves_argument(7), "sinc.default"),
        # The derivative is a tensor of zeros.
        _pointwise("Truncated", saves_nothing, "trunc.default"),
        _pointwise("Fraction", saves_nothing, "frac.default", backward=Backward.PASSES),
        _pointwise("Clamp", saves_bounded, "clamp.Tensor", (0, 1, 2)),
        _pointwise("XLogY", saves_both(1, masks=3), "xlogy.Tensor", (0, 1)),
        _pointwise("LogAddExp", saves_both(3), "logaddexp.default", (0, 1)),
        _pointwise(
            "AddedProduct",
            saves_weighted_product,
            "addcmul.default",
            (0, 1, 2),
            backward=Backward.PASSES_FIRST,
        ),
        _pointwise(
            "AddedQuotient",
            saves_weighted_quotient,
            "addcdiv.default",
            (0, 1, 2),
            backward=Backward.PASSES_FIRST,
        ),
        _pointwise(
            "Remainder",
            saves_remainder,
            "remainder.Tensor",
            (0, 1),
            (Form(_REMAINDER, ("x", "y")),),
            Backward.PASSES_FIRST,
        ),
        _pointwise(
            "Lerp",
            saves_nothing,
            "lerp.Scalar",
            (0, 1),
            (Form(_MIXED_BY_A_NUMBER, ("x", "end")),),
        ),
        _pointwise(
            "Mixture",
            saves_mixed,
            "lerp.Tensor",
            (0, 1, 2),
            (Form(_MIXED, ("x", "end", "weight")),),
        ),
        Composite(
            framework_operator("HardShrink", saves_argument(0), storage=LIKE_INPUTS),
            _one(*_HARD_SHRUNK),
        ),
        Composite(
            framework_operator("SoftShrink", saves_argument(0), storage=LIKE_INPUTS),
            _one(*_SOFT_SHRUNK),
        ),
        Composite(framework_operator("NanToNum", saves_finite, storage=LIKE_INPUTS), _one(_FINITE)),
    )


def _pointwise(  # noqa: PLR0913, PLR0917 - what differs between them
    name: str,
    saved: SavedFacet,
    target: str,
    arguments: tuple[int, ...] = (0,),
    forms: tuple[Form, ...] = (),
    backward: Backward = Backward.MAKES,
) -> Composite:
    return Composite(
        framework_operator(name, saved, storage=LIKE_INPUTS, backward=backward),
        forms,
        (f"aten.{target}",),
        arguments,
    )
