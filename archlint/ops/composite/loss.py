"""Losses inside of a model, which exporters write as arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.frames import frames
from archlint.ops.composite.composite import NONE, Attributes, Composite, Form, framework_operator
from archlint.ops.composite.pattern import Number, Pattern, Tensor, made
from archlint.ops.facets import keeps_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from archlint.graph.graph import Graph
    from archlint.ops.composite.pattern import Matching

_DIFFERENCE = made("Sub", Tensor("x"), Tensor("y"))
_AWAY = made("Abs", _DIFFERENCE)
_SQUARE = made("Mul", _DIFFERENCE, _DIFFERENCE)


def _is_squared_error(matching: Matching, graph: Graph) -> Attributes | None:
    """Exporters subtract twice, people once; the mean and the sum are those of all elements."""
    root, *inner = matching.nodes
    reduces = root.op != "Mul"
    subtractions = {node.name for node in inner if node.op == "Sub"}
    is_whole = not reduces or graph.values[root.output].shape == ()
    return NONE if len(subtractions) == 2 and is_whole else None


def _called(name: str) -> Callable[[Matching, Graph], Attributes | None]:
    """Return whether the line of the program that a form stands for calls the loss of that name."""

    def reads(matching: Matching, graph: Graph) -> Attributes | None:
        root = matching.nodes[0]
        running = frames(root)
        is_whole = root.op == "Where" or graph.values[root.output].elements == 1
        return NONE if running and f"{name}(" in running[-1].code and is_whole else None

    return reads


def _bent(
    name: str, target: str, small: Pattern, large: Pattern, room_of: int | None = None
) -> Composite:
    """Return a loss that is a square near zero and a line elsewhere, which keeps what it compares.

    torch.export writes it as a choice between the two.
    """
    chosen = made("Where", made("Less", _AWAY, Number()), small, large)
    forms = (made("ReduceMean", chosen), made("ReduceSum", chosen), chosen)
    return Composite(
        framework_operator(name, keeps_inputs, room_of=room_of),
        tuple(Form(form, ("x", "y"), _called(target), spans_calls=True) for form in forms),
    )


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    forms = (made("ReduceMean", _SQUARE), made("ReduceSum", _SQUARE), _SQUARE)
    return (
        Composite(
            # The mean is written into the storage of the squares.
            framework_operator("SquaredError", keeps_inputs, room_of=0),
            tuple(Form(pattern, ("x", "y"), _is_squared_error) for pattern in forms),
            ("aten.mse_loss.default",),
            (0, 1),
        ),
        _bent(
            "SmoothAbsoluteError",
            "smooth_l1_loss",
            made("Div", made("Mul", made("Pow", _AWAY, Number()), Number()), Number()),
            made("Sub", _AWAY, Number()),
            room_of=0,
        ),
        _bent(
            "HuberError",
            "huber_loss",
            made("Mul", made("Mul", _AWAY, Number()), _AWAY),
            made("Mul", made("Sub", _AWAY, Number()), Number()),
        ),
    )
