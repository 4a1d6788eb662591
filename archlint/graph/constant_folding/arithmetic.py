"""Folding of elementwise operators, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from archlint.graph.constant_folding.operands import CannotFold
from archlint.graph.dtype import DType
from archlint.graph.tensor import NUMPY_TYPES

if TYPE_CHECKING:
    from archlint.graph.constant_folding.operands import Folder, Operands


def _unary(function: Callable[[np.ndarray], np.ndarray]) -> Folder:
    """Fold a function of one tensor, which keeps the element type."""
    return lambda call: np.asarray(function(call[0])).astype(call[0].dtype)


def _binary(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Folder:
    """Fold a function of two tensors of one type, which keeps it."""
    return lambda call: np.asarray(function(*_pair(call))).astype(call[0].dtype)


def _compare(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Folder:
    """Fold a function of two tensors that gives booleans."""
    return lambda call: np.asarray(function(*_pair(call)))


def _variadic(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Folder:
    """Fold a function that takes any number of tensors, two at a time."""
    return lambda call: np.asarray(reduce(function, call.present())).astype(call[0].dtype)


def _pair(call: Operands) -> tuple[np.ndarray, np.ndarray]:
    left, right = call[0], call[1]
    if "axis" in call.node.attributes and right.ndim < left.ndim:  # operators before version 7
        trailing = left.ndim - right.ndim - call.integer("axis", 0)
        right = right.reshape(right.shape + (1,) * trailing)
    return left, right


def _divide(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Divide as C does: integers towards zero."""
    if left.dtype.kind not in "iu":
        return np.asarray(left / right)
    if not np.all(right):
        raise CannotFold("division by zero")
    quotient = np.abs(left) // np.abs(right)
    return np.asarray(np.where((left < 0) != (right < 0), -quotient, quotient))


def _modulo(call: Operands) -> np.ndarray:
    left, right = _pair(call)
    if left.dtype.kind in "iu" and not np.all(right):
        raise CannotFold("division by zero")
    # fmod = 1 takes the sign of the dividend, as C does; 0 that of the divisor, as Python does.
    return np.asarray((np.fmod if call.integer("fmod", 0) else np.mod)(left, right))


def _power(call: Operands) -> np.ndarray:
    base, exponent = _pair(call)
    if base.dtype.kind in "iu" and exponent.dtype.kind == "f":
        base_type = base.dtype
        return np.asarray(np.power(base.astype(np.float64), exponent)).astype(base_type)
    return np.asarray(np.power(base, exponent)).astype(base.dtype)


def _cast(call: Operands) -> np.ndarray:
    dtype = DType.from_onnx(call.integer("to", 0))
    return convert(call[0], dtype)


def convert(array: np.ndarray, dtype: DType | None) -> np.ndarray:
    """Return `array` in another element type, where the conversion is defined."""
    target = NUMPY_TYPES.get(dtype.onnx_code) if dtype is not None else None
    if target is None:
        raise CannotFold("the element type has no plain form")
    if array.dtype.kind == "f" and target.kind in "iu":
        limits = np.iinfo(target.str)
        if not np.all(np.isfinite(array) & (array >= limits.min) & (array <= limits.max)):
            raise CannotFold("the value does not fit the element type")
    return array.astype(target)


def _where(call: Operands) -> np.ndarray:
    return np.where(call[0], call[1], call[2])


def _clip(call: Operands) -> np.ndarray:
    result = call[0]
    low = call.get(1) if call.opset >= 11 else call.node.attributes.get("min")
    high = call.get(2) if call.opset >= 11 else call.node.attributes.get("max")
    if low is not None:
        result = np.maximum(result, low)  # type: ignore[arg-type] # an attribute here is a float
    if high is not None:
        result = np.minimum(result, high)  # type: ignore[arg-type] # as above
    return result.astype(call[0].dtype)


ARITHMETIC: Mapping[str, Folder] = {
    "Identity": _unary(lambda x: x),
    "Neg": _unary(np.negative),
    "Abs": _unary(np.abs),
    "Sign": _unary(np.sign),
    "Floor": _unary(np.floor),
    "Ceil": _unary(np.ceil),
    "Round": _unary(np.rint),  # both round halves to even
    "Sqrt": _unary(np.sqrt),
    "Reciprocal": _unary(np.reciprocal),
    "Exp": _unary(np.exp),
    "Log": _unary(np.log),
    "Not": _unary(np.logical_not),
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(_divide),
    "Mod": _modulo,
    "Pow": _power,
    "And": _compare(np.logical_and),
    "Or": _compare(np.logical_or),
    "Xor": _compare(np.logical_xor),
    "Equal": _compare(np.equal),
    "Less": _compare(np.less),
    "LessOrEqual": _compare(np.less_equal),
    "Greater": _compare(np.greater),
    "GreaterOrEqual": _compare(np.greater_equal),
    "Min": _variadic(np.minimum),
    "Max": _variadic(np.maximum),
    "Sum": _variadic(np.add),
    "Cast": _cast,
    "CastLike": lambda call: call[0].astype(call[1].dtype),
    "Where": _where,
    "Clip": _clip,
}
