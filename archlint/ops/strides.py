"""Strides: whether an operator's output can be a view of its input, as PyTorch decides it."""

from __future__ import annotations

from typing import TypeAlias

from archlint.ops.call import Call

Strides: TypeAlias = tuple[int, ...]
"""How many elements of the storage lie between neighbours along each axis."""


def contiguous(shape: tuple[int, ...]) -> Strides:
    """Return the strides of a new tensor: row-major, without gaps."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
    return tuple(strides)


def views_same(_: Call, __: int, strides: Strides) -> Strides:
    """The output is the input."""
    return strides


def views_transposed(call: Call, _: int, strides: Strides) -> Strides:
    """The axes change places, the elements stay."""
    order = call.integers("perm") or tuple(reversed(range(len(strides))))
    return tuple(strides[axis] for axis in order)


def views_cut(_: Call, __: int, strides: Strides) -> Strides:
    """A stretch of an axis keeps the strides."""
    return strides


def views_expanded(call: Call, _: int, strides: Strides) -> Strides:
    """A repeated axis has stride 0."""
    before, after = call.shape(0), call.output_shape()
    lead = len(after) - len(before)
    return (0,) * lead + tuple(
        0 if size == 1 and after[lead + axis] != 1 else strides[axis]
        for axis, size in enumerate(before)
    )


def views_reshaped(call: Call, _: int, strides: Strides) -> Strides | None:
    """Re-cut axes without moving elements, None where they have to be copied.

    Runs of axes that lie contiguously in storage are merged; a run can be cut anew, but no new axis
    may span two runs.
    """
    return reshape(call.shape(0), strides, call.output_shape())


def reshape(shape: tuple[int, ...], strides: Strides, new: tuple[int, ...]) -> Strides | None:
    """Return the strides of a view of `shape` as `new`, None where no view exists."""
    runs = _runs(shape, strides)
    result: list[int] = []
    axes = list(reversed(new))
    for size, stride in reversed(runs):
        covered = 1
        while axes and (covered < size or axes[0] == 1):
            if covered * axes[0] > size:
                return None
            result.append(stride * covered)
            covered *= axes.pop(0)
        if covered != size:
            return None
    result.extend(1 for _ in axes)
    return tuple(reversed(result))


def _runs(shape: tuple[int, ...], strides: Strides) -> list[tuple[int, int]]:
    """Return (elements, smallest stride) of each run of axes that lies contiguously."""
    runs: list[tuple[int, int]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == stride * size:
            runs[-1] = (runs[-1][0] * size, stride)
        else:
            runs.append((size, stride))
    return runs
