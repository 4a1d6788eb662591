"""Losses inside a model, which exporters decompose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
    is_called,
)
from archlint.ops.composite.pattern import Number, Pattern, Tensor, made
from archlint.ops.facets import saves_inputs
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.storage import NEW, Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from archlint.graph.graph import Graph
    from archlint.ops.composite.pattern import Matching

_WITH_WEIGHT = 5
_X, _Y, _WEIGHT = Tensor("x"), Tensor("y"), Tensor("weight")
_DIFFERENCE = made("Sub", _X, _Y)
_AWAY = made("Abs", _DIFFERENCE)
_SQUARE = made("Mul", _DIFFERENCE, _DIFFERENCE)
_CHANCE = made("Sigmoid", _X)
_LIKELY, _UNLIKELY = made("Log", _CHANCE), made("Log", made("Sub", Number(1), _CHANCE))
_IS_NOT = made("Sub", Number(1), _Y)


def _of_scores(right: Pattern) -> Pattern:
    """-(y log s(x) + (1 - y) log(1 - s(x))), where the first product may have a weight."""
    return made("Neg", made("Add", right, made("Mul", _IS_NOT, _UNLIKELY)))


def _of_scores_exported(right: Pattern) -> Pattern:
    """(1 - y) x - log s(x), of which the logarithm may have a weight."""
    return made("Sub", made("Mul", _IS_NOT, _X), right)


_OF_SCORES = _of_scores(made("Mul", _Y, _LIKELY))
_OF_WEIGHED_SCORES = _of_scores(made("Mul", made("Mul", _Y, _LIKELY), _WEIGHT))
_OF_SCORES_EXPORTED = _of_scores_exported(_LIKELY)
_WEIGHED = made("Add", made("Mul", made("Sub", _WEIGHT, Number(1)), _Y), Number(1))
_OF_WEIGHED_SCORES_EXPORTED = _of_scores_exported(made("Mul", _WEIGHED, _LIKELY))
_ONE = made("CastLike", Tensor("one"), made("Neg", _X))  # of the type of what it is added to
# (y - 1) max(log(1 - x), -100) - y max(log x, -100)
_OF_CHANCES = made(
    "Sub",
    made(
        "Mul",
        made("Sub", _Y, Number(1)),
        made("Max", made("Log", made("Add", made("Neg", _X), _ONE)), Tensor("floor")),
    ),
    made("Mul", _Y, made("Max", made("Log", _X), Tensor("other floor"))),
)


def saves_scores(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the scores, the targets, and the weight of positives.

    The derivative multiplies and divides their difference; with a weight, it creates five tensors.
    """
    if not gradients.needed:
        return NOTHING
    temporaries = _WITH_WEIGHT if call.has_input(2) else 1
    return SavedTensors(inputs=call.present(), transient=temporaries * nbytes(call.input(0)))


def _is_squared_error(matching: Matching, graph: Graph) -> Attributes | None:
    """Exporters subtract twice, people once."""
    subtractions = {node.name for node in matching.nodes if node.op == "Sub"}
    return _whole(matching, graph) if len(subtractions) == 2 else None


def _is_of_scores(matching: Matching, graph: Graph) -> Attributes | None:
    """Exporters take both logarithms before they multiply, people write one product at a time."""
    inside = {node.name for node in matching.nodes}
    order = [node.op for node in graph.nodes if node.name in inside]
    is_exported = "Log" not in order[order.index("Mul") :]
    return _whole(matching, graph) if is_exported else None


def _called(name: str) -> Callable[[Matching, Graph], Attributes | None]:
    """Return whether the line of the program that a form stands for calls the loss of that name."""

    def reads(matching: Matching, graph: Graph) -> Attributes | None:
        return _whole(matching, graph) if is_called(matching, name) else None

    return reads


def _whole(matching: Matching, graph: Graph) -> Attributes | None:
    """A mean and a sum are those of all elements."""
    root = matching.nodes[0]
    is_whole = not root.op.startswith("Reduce") or graph.values[root.output].elements == 1
    return NONE if is_whole else None


def _reduced(element: Pattern) -> tuple[Pattern, ...]:
    """Return the mean, the sum and the loss of each element."""
    return (made("ReduceMean", element), made("ReduceSum", element), element)


def _bent(
    name: str, target: str, small: Pattern, large: Pattern, storage: Storage = NEW
) -> Composite:
    """Return a loss that is quadratic near zero and linear elsewhere, and saves both inputs.

    torch.export writes it as a choice between the two.
    """
    chosen = made("Where", made("Less", _AWAY, Number()), small, large)
    return Composite(
        framework_operator(name, saves_inputs, storage=storage),
        _named(target, chosen),
    )


def _named(target: str, element: Pattern, inputs: tuple[str, ...] = ("x", "y")) -> tuple[Form, ...]:
    """Return the forms of a loss that torch.export breaks up, where the program calls it so."""
    reads = _called(target)
    forms = _reduced(element)
    return tuple(Form(form, inputs, reads, spans_calls=True) for form in forms)


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            # The mean is written into the storage of the squares.
            framework_operator("SquaredError", saves_inputs, storage=Storage(allocated_like=0)),
            tuple(Form(pattern, ("x", "y"), _is_squared_error) for pattern in _reduced(_SQUARE)),
            ("aten.mse_loss.default",),
            (0, 1),
        ),
        Composite(
            framework_operator(
                "CrossEntropyOfTwo", saves_inputs, storage=Storage(allocated_like=0)
            ),
            _named("binary_cross_entropy", _OF_CHANCES),
        ),
        Composite(
            framework_operator("CrossEntropyOfTwoScores", saves_scores),
            (
                *(Form(form, ("x", "y"), _is_of_scores) for form in _reduced(_OF_SCORES)),
                *(
                    Form(form, ("x", "y", "weight"), _is_of_scores)
                    for form in _reduced(_OF_WEIGHED_SCORES)
                ),
                *_named("binary_cross_entropy_with_logits", _OF_SCORES_EXPORTED),
                *_named(
                    "binary_cross_entropy_with_logits",
                    _OF_WEIGHED_SCORES_EXPORTED,
                    ("x", "y", "weight"),
                ),
            ),
        ),
        _bent(
            "SmoothAbsoluteError",
            "smooth_l1_loss",
            made("Div", made("Mul", made("Pow", _AWAY, Number()), Number()), Number()),
            made("Sub", _AWAY, Number()),
            storage=Storage(allocated_like=0),
        ),
        _bent(
            "HuberError",
            "huber_loss",
            made("Mul", made("Mul", _AWAY, Number()), _AWAY),
            made("Mul", made("Sub", _AWAY, Number()), Number()),
        ),
    )
