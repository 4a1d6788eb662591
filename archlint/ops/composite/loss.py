"""Losses inside of a model, which exporters write as arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.ops.composite.composite import NONE, Attributes, Composite, Form, framework_operator
from archlint.ops.composite.pattern import Tensor, made
from archlint.ops.facets import keeps_inputs

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.ops.composite.pattern import Matching

_DIFFERENCE = made("Sub", Tensor("x"), Tensor("y"))
_SQUARE = made("Mul", _DIFFERENCE, _DIFFERENCE)


def _is_squared_error(matching: Matching, graph: Graph) -> Attributes | None:
    """Exporters subtract twice, people once; the mean and the sum are those of all elements."""
    root, *inner = matching.nodes
    reduces = root.op != "Mul"
    subtractions = {node.name for node in inner if node.op == "Sub"}
    is_whole = not reduces or graph.values[root.output].shape == ()
    return NONE if len(subtractions) == 2 and is_whole else None


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
    )
