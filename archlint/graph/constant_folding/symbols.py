"""Folding of partly known shapes: arrays of integers, symbols and None.

An element is an integer, the symbol of a dimension, or None where nothing is known. Operators that
only move elements apply unchanged; arithmetic is folded where the result holds for every size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from archlint.graph.constant_folding.layout import LAYOUT
from archlint.graph.constant_folding.operands import CannotFold
from archlint.graph.dtype import DType

if TYPE_CHECKING:
    from archlint.graph.constant_folding.operands import Folder, Operands

Element: TypeAlias = int | str | None


def _add(left: Element, right: Element) -> Element:
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    if left == 0:
        return right
    return left if right == 0 else None


def _subtract(left: Element, right: Element) -> Element:
    if isinstance(left, int) and isinstance(right, int):
        return left - right
    if left is not None and left == right:
        return 0
    return left if right == 0 else None


def _multiply(left: Element, right: Element) -> Element:
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    if 0 in (left, right):
        return 0
    if left == 1:
        return right
    return left if right == 1 else None


def _divide(left: Element, right: Element) -> Element:
    if isinstance(left, int) and isinstance(right, int) and right:
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left if right == 1 else None


def _equal(left: Element, right: Element) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, int) == isinstance(right, int):
        # Two symbols may happen to be the same size.
        return True if left == right else (False if isinstance(left, int) else None)
    number = left if isinstance(left, int) else right
    return False if isinstance(number, int) and number < 0 else None  # sizes are not negative


def _choose(condition: object, left: Element, right: Element) -> Element:
    if condition is None:
        return left if left == right else None
    return left if condition else right


def _elementwise(function: Callable[..., object], count: int) -> Folder:
    broadcast = np.frompyfunc(function, count, 1)
    return lambda call: np.asarray(broadcast(*(call[k] for k in range(count))), dtype=object)


def _cast(call: Operands) -> np.ndarray:
    dtype = DType.from_onnx(call.integer("to", 0))
    if dtype not in {DType.INT64, DType.INT32}:
        raise CannotFold("sizes that are not integers")
    return call[0]


def _reduce_product(call: Operands) -> np.ndarray:
    if call[0].ndim > 1:
        raise CannotFold("a table")
    result: Element = 1
    for element in call[0].reshape(-1):
        result = _multiply(result, element)
    kept = call.integer("keepdims", 1)
    return np.array([result] if kept else result, dtype=object)


# np.take_along_axis and the scatters compare elements; the others only move them.
_MOVING = (
    "Concat",
    "Flatten",
    "Gather",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)

SYMBOLIC: Mapping[str, Folder] = {
    **{op: LAYOUT[op] for op in _MOVING},
    "Identity": lambda call: call[0],
    "Cast": _cast,
    "Add": _elementwise(_add, 2),
    "Sub": _elementwise(_subtract, 2),
    "Mul": _elementwise(_multiply, 2),
    "Div": _elementwise(_divide, 2),
    "Equal": _elementwise(_equal, 2),
    "Where": _elementwise(_choose, 3),
    "ReduceProd": _reduce_product,
}
