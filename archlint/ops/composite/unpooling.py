"""Places of maxima and unpooling, which torch.export computes element by element."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.graph.program.call_record import called_operator
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
)
from archlint.ops.composite.pattern import Either, Matching, Tensor, made
from archlint.ops.facets import saves_nothing
from archlint.ops.standard.pooling import saves_places
from archlint.ops.storage import Storage
from archlint.ops.strides import views_same

# ONNX counts places from the first map, the framework from the first element of each. A pooling
# with windows of one element gives the places of those.
_PLACES = made(
    "Sub", Tensor("places"), made("Slice", made("MaxPool", Tensor("x"), output=1), label="first")
)
# Places are counted from the first map again, and values are put there, all as one row.
_AT = made("Unsqueeze", made("Reshape", made("Add", Tensor("places"), Tensor("maps"))))
_PUT = Either(
    (
        made("ScatterND", made("Reshape", Tensor("zeros")), _AT, made("Reshape", Tensor("x"))),
        made(
            "Transpose",
            made(
                "ScatterND",
                made("Transpose", made("Reshape", Tensor("zeros"))),
                made("Concat", _AT),
                made("Expand", made("Transpose", made("Reshape", Tensor("x")))),
            ),
        ),
    )
)


def _counts_from_each_map(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept the places that a pooling found in the tensor that the other pooling reads."""
    maker = graph.producers.get(matching.tensors["places"])
    if maker is None or maker.op != "MaxPool" or len(maker.outputs) < 2:
        return None
    return NONE if maker.inputs[0] == matching.tensors["x"] else None


def _is_unchecked(matching: Matching, _: Graph) -> Attributes | None:
    """Accept the unchecked writing that stands for an unpooling: programs cannot call it."""
    called = map(called_operator, matching.nodes)
    return NONE if "_unsafe_index_put" in called else None


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("MaxPlaces", saves_nothing, storage=Storage(view=views_same)),
            (Form(_PLACES, ("places",), _counts_from_each_map, spans_calls=True),),
        ),
        Composite(
            framework_operator("Unpool", saves_places),
            (Form(made("Reshape", _PUT), ("x", "places"), _is_unchecked, spans_calls=True),),
        ),
    )
