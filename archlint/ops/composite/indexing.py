"""Reading and writing of parts of a tensor by indices, which exporters write as scatters."""

from __future__ import annotations

from archlint.graph.program.calls import ExportedCall
from archlint.graph.program.frames import source_line
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    Attributes,
    Composite,
    framework_operator,
)
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.storage import Storage
from archlint.ops.strides import (
    views_same,
)


def saves_every_index(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the indices of every indexed axis; the gradient is scattered into zeros."""
    if not gradients[0]:
        return NOTHING
    indices = call.present(range(1, len(call.node.inputs)))
    return SavedTensors(inputs=indices, transient=nbytes(call.input(0)))


def saves_put(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the indices; with accumulation, as exporters write index_add, also the values."""
    values = len(call.node.inputs) - 1
    if not (gradients[0] or gradients[values]):
        return NOTHING
    adds = call.integer("accumulate", 0) and gradients[values]
    return SavedTensors(inputs=tuple(range(1, values + bool(adds))))


def saves_for_writing(call: Call, gradients: Gradients) -> SavedTensors:
    """Save nothing; the slice's gradient is copied, and zeros replace the overwritten part."""
    if not gradients.needed:
        return NOTHING
    made = 2 - gradients[1]
    return SavedTensors(transient=made * nbytes(call.input(1)))


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        # Writing into a slice of a tensor, in its storage.
        Composite(
            framework_operator("WritePart", saves_for_writing, storage=Storage(view=views_same)),
            targets=("aten.slice_scatter.default", "aten.select_scatter.default"),
            arguments=(0, 1),
        ),
        Composite(
            framework_operator("Index", saves_every_index),
            targets=("aten.index.Tensor",),
            arguments=(0, 1),
        ),
        Composite(
            framework_operator("IndexPut", saves_put),
            targets=("aten.index_put.default",),
            arguments=(0, 1, 2),
            reads=_reads_accumulation,
        ),
    )


def _reads_accumulation(call: ExportedCall) -> Attributes:
    """Distinguish index_add from the program's own index_put, where that is known."""
    puts = any("index_put" in source_line(node) for node in call.nodes)
    return {"accumulate": int(call.argument(3, "False") == "True" and not puts)}
