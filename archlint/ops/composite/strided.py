"""Views with strides of their own, which exporters write as lookups."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archlint.graph.graph import Graph
from archlint.graph.program.calls import ExportedCall
from archlint.ops.call import Call
from archlint.ops.composite.composite import NONE, Attributes, Composite, Form, framework_operator
from archlint.ops.composite.pattern import Matching, Number, Tensor, either, made
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.storage import Storage
from archlint.ops.strides import Strides, views_reshaped

_PLACE_BYTES = 8
_INTEGERS = re.compile(r"\[\d{1,18}(, \d{1,18})*\]")
# Places in the storage, counted along each axis times its stride, and looked up.
_COUNTED = made("Squeeze", made("Transpose", made("NonZero", Tensor("ones"))))
_STEPS = made("Mul", made("Reshape", made("Cast", _COUNTED)), Number())
_PLACES = made("Add", Tensor("others"), _STEPS, label="places")
_STRIDED = made(
    "Gather", made("Reshape", Tensor("x")), either(_PLACES, made("Add", _PLACES, Number()))
)


def saves_windows(call: Call, gradients: Gradients) -> SavedTensors:
    """Save nothing; overlapping gradients are accumulated through int64 indices."""
    strides = call.integers("strides")
    if not gradients.needed or strides is None or not _overlap(call.output_shape(), strides):
        return NOTHING
    places = call.elements(0) + call.output_elements()
    return SavedTensors(transient=_PLACE_BYTES * places)


def _overlap(sizes: Strides, strides: Strides) -> bool:
    """Whether two elements may share a position in the storage."""
    last = 0
    for stride, size in sorted(zip(strides, sizes, strict=True)):
        if size > 1:
            if stride <= last:
                return True
            last += stride * (size - 1)
    return False


def views_strided(call: Call, slot: int, strides: Strides) -> Strides | None:
    """The strides are given explicitly, independent of the tensor's own."""
    given = call.integers("strides")
    return views_reshaped(call, slot, strides) if given is None else given


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator("AsStrided", saves_windows, storage=Storage(view=views_strided)),
            (Form(_STRIDED, ("x",), _sums_steps),),
            ("aten.as_strided.default",),
            reads=_reads_strides,
        ),
    )


def _reads_strides(call: ExportedCall) -> Attributes:
    text = call.argument(2)
    return {"strides": tuple(_numbers(text))} if _INTEGERS.fullmatch(text) else NONE


def _numbers(text: str) -> Iterator[int]:
    yield from map(int, text[1:-1].split(", "))


def _sums_steps(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept a sum over axes of a range times a constant stride."""
    steps: dict[int, int] = {}
    pending = [matching.tensors["places"]]
    while pending:
        node = graph.producers.get(pending.pop())
        if node is None or node.op not in {"Add", "Mul"}:
            return None
        if node.op == "Add":
            pending += node.inputs
            continue
        counted, number = node.inputs
        reshaped, stride = graph.producers.get(counted), graph.constants.get(number)
        shape = None if reshaped is None else graph.constants.get(reshaped.inputs[1])
        if shape is None or stride is None or stride.size != 1:
            return None
        steps[[*shape].index(-1) if -1 in shape else len(shape)] = int(stride.reshape(()))
    return {"strides": tuple(steps[axis] for axis in sorted(steps))}
