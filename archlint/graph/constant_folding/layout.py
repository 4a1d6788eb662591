"""Folding of operators that move, slice and join elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from archlint.graph.constant_folding.operands import CannotFold

if TYPE_CHECKING:
    from archlint.graph.constant_folding.operands import Folder, Operands


def _gather(call: Operands) -> np.ndarray:
    taken = np.take(call[0], call[1], axis=call.integer("axis", 0), mode="raise")
    return np.asarray(taken, dtype=call[0].dtype)


def _gather_elements(call: Operands) -> np.ndarray:
    return np.take_along_axis(call[0], call[1], axis=call.integer("axis", 0))


def _gather_nd(call: Operands) -> np.ndarray:
    if call.integer("batch_dims", 0):
        raise CannotFold("batch dimensions")
    indices = call[1]
    return np.asarray(call[0][tuple(np.moveaxis(indices, -1, 0))])


def _concat(call: Operands) -> np.ndarray:
    return np.concatenate(call.present(), axis=call.integer("axis", 1))


def _slice(call: Operands) -> np.ndarray:
    """Slice with starts, ends, axes and steps; huge ends mean to the last element."""
    data = call[0]
    starts, ends = call.integers(1, "starts"), call.integers(2, "ends")
    axes, steps = call.integers(3, "axes"), call.integers(4, "steps")
    if starts is None or ends is None:
        raise CannotFold("starts and ends are missing")
    axes = axes if axes is not None else tuple(range(len(starts)))
    steps = steps if steps is not None else (1,) * len(starts)
    index: list[slice] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[axis] = _bounds(start, end, step, data.shape[axis])
    return data[tuple(index)]


def _bounds(start: int, end: int, step: int, size: int) -> slice:
    """Return the Python slice of one axis (ONNX Slice-13: clamp, then walk)."""
    if step == 0:
        raise CannotFold("a step of zero")
    start = start + size if start < 0 else start
    end = end + size if end < 0 else end
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step)


def _split(call: Operands) -> tuple[np.ndarray, ...]:
    data, axis, count = call[0], call.integer("axis", 0), len(call.node.outputs)
    sizes = call.integers(1, "split")
    if sizes is None:
        chunk = -(-data.shape[axis] // count)
        ends = [chunk * (index + 1) for index in range(count - 1)]
    else:
        if sum(sizes) != data.shape[axis] or len(sizes) != count:
            raise CannotFold("the parts are not the whole")
        ends = list(np.cumsum(sizes[:-1]))
    return tuple(np.split(data, ends, axis=axis))


def _squeeze(call: Operands) -> np.ndarray:
    return np.squeeze(call[0], axis=call.integers(1, "axes"))


def _unsqueeze(call: Operands) -> np.ndarray:
    axes = call.integers(1, "axes")
    if axes is None:
        raise CannotFold("the axes are missing")
    return np.expand_dims(call[0], axes)


def _reshape(call: Operands) -> np.ndarray:
    data = call[0]
    target = call.integers(1, "shape")
    if target is None:
        raise CannotFold("the shape is missing")
    if not call.integer("allowzero", 0):
        target = tuple(data.shape[axis] if size == 0 else size for axis, size in enumerate(target))
    return data.reshape(target)


def _flatten(call: Operands) -> np.ndarray:
    data, axis = call[0], call.integer("axis", 1)
    rows = int(np.prod(data.shape[:axis], dtype=np.int64))
    return data.reshape(rows, data.size // rows if rows else 0)


def _transpose(call: Operands) -> np.ndarray:
    return np.transpose(call[0], call.integers(None, "perm"))


def _scatter_elements(call: Operands) -> np.ndarray:
    if call.node.attributes.get("reduction", "none") != "none":
        raise CannotFold("a reduction")
    result = call[0].copy()
    np.put_along_axis(result, call[1], call[2], axis=call.integer("axis", 0))
    return result


def _scatter_nd(call: Operands) -> np.ndarray:
    if call.node.attributes.get("reduction", "none") != "none":
        raise CannotFold("a reduction")
    result = call[0].copy()
    result[tuple(np.moveaxis(call[1], -1, 0))] = call[2]
    return result


LAYOUT: Mapping[str, Folder] = {
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
}
