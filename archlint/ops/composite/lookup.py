"""Embedding bags, which exporters write as loops, and scatter reductions."""

from __future__ import annotations

from archlint.graph.program.calls import ExportedCall
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.composite.composite import Attributes, Composite, framework_operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.standard.lookup import saves_reduced

_INDEX_BYTES = 8
_MEAN, _MAXIMUM = 1, 2
_SCALES = 6
_REDUCTIONS = {"prod": "mul", "amax": "max", "amin": "min"}


def saves_bags(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the row indices, the offsets of the bags, and the size of each bag twice.

    A mean also saves the bag of each row, plus one more element, and a maximum the index of each
    largest element.
    """
    if not gradients[0]:
        return NOTHING
    rows, bags, mode = call.elements(1), call.elements(2), call.integer("mode", 0)
    numbers = bags * (1 if mode == _MAXIMUM else 2)
    if mode in {_MEAN, _MAXIMUM}:
        numbers += rows + 1
    if mode == _MAXIMUM:
        numbers += call.output_elements()
    return SavedTensors(inputs=(1, 2), own=_INDEX_BYTES * numbers)


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("EmbeddingBag", saves_bags, weights=(0,)),
            targets=("aten.embedding_bag.padding_idx", "aten.embedding_bag.default"),
            arguments=(0, 1, 2),
            reads=_reads_mode,
        ),
        # A file has the same operator for what is added by scatter_add, which saves less.
        *(
            Composite(
                framework_operator(name, saves_reduced, backward=backward),
                targets=("aten.scatter_reduce.two",),
                arguments=(0, 2, 3),
                reads=reads,
            )
            for name, backward, reads in (
                ("ScatterSum", Backward.PASSES_FIRST, _reads_sum),
                ("ScatterReduce", Backward.MAKES, _reads_reduction),
            )
        ),
    )


def _reads_sum(call: ExportedCall) -> Attributes | None:
    return {"reduction": "add"} if call.argument(4) == "sum" else None


def _reads_reduction(call: ExportedCall) -> Attributes | None:
    reduction = _REDUCTIONS.get(call.argument(4))
    return None if reduction is None else {"reduction": reduction}


def _reads_mode(call: ExportedCall) -> Attributes | None:
    """Accept bags without per-sample weights, which would be saved too."""
    mode = call.integer(4, 0)
    return None if mode is None or call.argument(_SCALES) != "None" else {"mode": mode}
