"""Folding of operators that create tensors from sizes, and of reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np

from archlint.graph.constant_folding.operands import LARGEST, CannotFold, dims

if TYPE_CHECKING:
    from archlint.graph.constant_folding.operands import Folder, Operands


def _range(call: Operands) -> np.ndarray:
    start, limit, delta = (call[slot].reshape(()) for slot in range(3))
    if delta == 0:
        raise CannotFold("a step of zero")
    count = max(ceil((limit.item() - start.item()) / delta.item()), 0)
    if count > LARGEST:
        raise CannotFold("the result is too large")
    return np.asarray(start + np.arange(count, dtype=start.dtype) * delta).astype(start.dtype)


def _constant_of_shape(call: Operands) -> np.ndarray:
    fill = call.node.attributes.get("value")
    if fill is None:
        return np.zeros(dims(call[0]), np.float32)
    if not isinstance(fill, np.ndarray):
        raise CannotFold("the value is not known")
    return np.full(dims(call[0]), fill.reshape(-1)[0])


def _expand(call: Operands) -> np.ndarray:
    target = np.broadcast_shapes(call[0].shape, dims(call[1]))
    if prod(target) > LARGEST:
        raise CannotFold("the result is too large")
    return np.broadcast_to(call[0], target)


def _tile(call: Operands) -> np.ndarray:
    repeats = dims(call[1])
    if call[0].size * prod(repeats) > LARGEST:
        raise CannotFold("the result is too large")
    return np.tile(call[0], repeats)


def _nonzero(call: Operands) -> np.ndarray:
    return np.asarray(np.nonzero(np.atleast_1d(call[0])), dtype=np.int64)


def _reduce(function: Callable[..., np.ndarray]) -> Folder:
    """Fold a reduction over the axes that are given; over all where none are."""

    def folder(call: Operands) -> np.ndarray:
        axes = call.integers(1, "axes")
        if not axes and call.integer("noop_with_empty_axes", 0):
            return call[0]
        kept = bool(call.integer("keepdims", 1))
        return np.asarray(function(call[0], axis=axes or None, keepdims=kept)).astype(call[0].dtype)

    return folder


def _argument(function: Callable[..., np.ndarray]) -> Folder:
    """Fold the position of the largest or smallest element."""

    def folder(call: Operands) -> np.ndarray:
        if call.integer("select_last_index", 0):
            raise CannotFold("the last of equals")
        kept = bool(call.integer("keepdims", 1))
        return np.asarray(function(call[0], axis=call.integer("axis", 0), keepdims=kept))

    return folder


def _cumulative_sum(call: Operands) -> np.ndarray:
    if call.integer("exclusive", 0) or call.integer("reverse", 0):
        raise CannotFold("exclusive or reversed")
    return np.cumsum(call[0], axis=int(call[1].reshape(()))).astype(call[0].dtype)


def _one_hot(call: Operands) -> np.ndarray:
    indices, depth, values = call[0].astype(np.int64), int(call[1].reshape(())), call[2]
    if not 0 <= depth * indices.size <= LARGEST:
        raise CannotFold("the result is too large")
    axis = call.integer("axis", -1)
    hot = np.expand_dims(np.where(indices < 0, indices + depth, indices), -1) == np.arange(depth)
    return np.moveaxis(np.where(hot, values[1], values[0]), -1, axis)


MAKING: Mapping[str, Folder] = {
    "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Tile": _tile,
    "NonZero": _nonzero,
    "OneHot": _one_hot,
    "CumSum": _cumulative_sum,
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
    "ReduceMin": _reduce(np.min),
    "ReduceMax": _reduce(np.max),
    "ReduceMean": _reduce(np.mean),
    "ArgMax": _argument(np.argmax),
    "ArgMin": _argument(np.argmin),
}
