"""Detects lookups of rows that a table does not have, which onnx's inference accepts."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from archlint.graph.inference.standard import Refusal

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope

_ARRANGING = frozenset(
    {
        "Cast",
        "Expand",
        "Flatten",
        "Identity",
        "Reshape",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators whose output holds only elements of their first input."""


def missing_row(node: Node, scope: Scope) -> Refusal | None:
    """Return why a Gather fails, None where it does not or where its indices are not known.

    An index is from -rows to rows - 1 (ONNX, Gather); runtimes fail at any other.
    """
    if node.op != "Gather" or node.domain or len(node.inputs) < 2:
        return None
    table, axis = scope.values.get(node.inputs[0]), node.attributes.get("axis", 0)
    data = None if table is None else table.shape
    if data is None or not isinstance(axis, int) or not -len(data) <= axis < len(data):
        return None
    rows = data[axis]
    if not isinstance(rows, int):
        return None
    what = "an axis" if axis % len(data) else "a table"
    for index in _ends(node.inputs[1], scope):
        if not -rows <= index < rows:
            return Refusal(f"it looks up position {index} of {what} of {rows}")
    return None


def _ends(name: str, scope: Scope) -> tuple[int, ...]:
    """Return the largest and the smallest of the indices that are known."""
    indices = scope.constants.get(name)
    if indices is not None:
        is_empty = indices.size == 0 or indices.dtype.kind not in "iu"
        return () if is_empty else (int(indices.max()), int(indices.min()))
    highest = scope.highest.get(name)
    return () if highest is None else (highest,)


def note_highest(node: Node, scope: Scope) -> None:
    """Record the largest value of a tensor of positions that is too large to be folded."""
    if not node.inputs or not node.outputs or node.outputs[0] in scope.constants:
        return
    if node.op == "Range":
        highest = _last(*(scope.constants.get(name) for name in node.inputs))
    elif not scope.highest:
        return
    elif node.op in _ARRANGING:
        highest = scope.highest.get(node.inputs[0])
    elif node.op == "Add":
        highest = _shifted(*node.inputs, scope=scope)
    else:
        return
    if highest is not None:
        scope.highest[node.outputs[0]] = highest


def _last(
    start: np.ndarray | None, limit: np.ndarray | None, delta: np.ndarray | None
) -> int | None:
    """Return the larger end of a range of integers, None of others and of an empty one."""
    if start is None or limit is None or delta is None:
        return None
    if start.dtype.kind != "i" or {start.size, limit.size, delta.size} != {1} or not delta.item():
        return None
    count = ceil((limit.item() - start.item()) / delta.item())
    last = start.item() + (count - 1) * delta.item()
    return int(max(start.item(), last)) if count > 0 else None


def _shifted(left: str, right: str, *, scope: Scope) -> int | None:
    """Return the largest number of a sum with one number: models begin their positions at 2."""
    for positions, offset in ((left, right), (right, left)):
        highest, number = scope.highest.get(positions), scope.constants.get(offset)
        if (
            highest is not None
            and number is not None
            and number.size == 1
            and number.dtype.kind == "i"
        ):
            return highest + int(number.item())
    return None
