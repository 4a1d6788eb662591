"""Strides of tensors: whether an output can be a view of its input, as PyTorch decides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from archlint.ops.call import Call
from archlint.ops.undetermined import Undetermined

_MOST_AXES = 5  # of volumes

Strides: TypeAlias = tuple[int, ...]
"""How many elements of the storage lie between neighbours along each axis."""


@lru_cache(maxsize=1024)  # networks have few shapes
def contiguous(shape: tuple[int, ...]) -> Strides:
    """Return the strides of a new tensor: row-major, without gaps."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
    return tuple(strides)


def is_contiguous(shape: tuple[int, ...], strides: Strides) -> bool:
    """Whether a tensor lies in order in one piece; the stride of a single element is of no use."""
    pairs = zip(shape, strides, contiguous(shape), strict=True)
    return all(size == 1 or stride == row_major for size, stride, row_major in pairs)


def contiguous_along(shape: tuple[int, ...], last: tuple[int, ...]) -> Strides:
    """Return the strides of a new tensor in which the axes `last` vary fastest."""
    order = [axis for axis in range(len(shape)) if axis not in last] + list(last)
    own = contiguous(tuple(shape[axis] for axis in order))
    return tuple(own[order.index(axis)] for axis in range(len(shape)))


def steps_first(shape: tuple[int, ...]) -> Strides:
    """Return the strides of sequences (N, S, C) that are stored as (S, N, C)."""
    return contiguous_along(shape, (0, 2))


def views_same(_: Call, __: int, strides: Strides) -> Strides:
    """The output is the input itself."""
    return strides


def views_transposed(call: Call, _: int, strides: Strides) -> Strides:
    """The strides are permuted with the axes."""
    order = call.integers("perm") or tuple(reversed(range(len(strides))))
    return tuple(strides[axis] for axis in order)


def views_untransposed(call: Call, _: int, strides: Strides) -> Strides:
    """The strides of a gradient are permuted back."""
    order = call.integers("perm") or tuple(reversed(range(len(strides))))
    return tuple(strides[order.index(axis)] for axis in range(len(order)))


def views_cut(_: Call, __: int, strides: Strides) -> Strides:
    """A range of an axis has the same strides."""
    return strides


def views_sliced(call: Call, _: int, strides: Strides) -> Strides | None:
    """Ranges of some axes with steps; a negative step makes a copy in PyTorch."""
    steps = list(strides)
    if call.has_input(4):
        axes: Sequence[int] = range(len(strides))
        if call.has_input(3):
            axes = tuple(int(axis) for axis in call.known(3).reshape(-1))
        for axis, step in zip(axes, call.known(4).reshape(-1), strict=False):
            if step < 0:
                return None
            steps[axis_of(axis, strides)] *= int(step)
    return tuple(steps)


def axis_of(axis: int, strides: Strides) -> int:
    """Return an axis counted from the first one; undetermined where a tensor has no such axis."""
    if not -len(strides) <= axis < len(strides):
        raise Undetermined(f"a tensor of {len(strides)} axes has no axis {axis}")
    return axis % len(strides)


def views_selected(call: Call, _: int, strides: Strides) -> Strides | None:
    """Selecting one position along an axis is a view; a list of indices makes a copy."""
    if call.rank(1) != 0:
        return None
    axis = axis_of(call.integer("axis", 0), strides)
    return strides[:axis] + strides[axis + 1 :]


def views_cast(call: Call, _: int, strides: Strides) -> Strides | None:
    """A cast to the same type returns the tensor itself."""
    return strides if call.input(0).dtype == call.output().dtype else None


def views_expanded(call: Call, _: int, strides: Strides) -> Strides:
    """A repeated axis has stride 0."""
    before, after = call.shape(0), call.output_shape()
    lead = len(after) - len(before)
    return (0,) * lead + tuple(
        0 if size == 1 and after[lead + axis] != 1 else strides[axis]
        for axis, size in enumerate(before)
    )


def views_reshaped(call: Call, _: int, strides: Strides) -> Strides | None:
    """The strides of a reshaped view; None where elements have to be copied.

    Runs of axes that are contiguous in storage are merged; a run can be split again, but no new
    axis may span two runs.
    """
    return reshape(call.shape(0), strides, call.output_shape())


def reshape(shape: tuple[int, ...], strides: Strides, new: tuple[int, ...]) -> Strides | None:
    """Return the strides of a view of `shape` as `new`, None where no such view exists."""
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


def follows(shape: tuple[int, ...], operands: Sequence[tuple[tuple[int, ...], Strides]]) -> Strides:
    """Return the strides of a pointwise result, as PyTorch's TensorIterator chooses them.

    The axes are ordered by the strides of the operands: the first operand with different strides
    for two axes decides; row-major where there is none.
    """
    padded = [_padded(shape, *operand) for operand in operands]
    order = list(reversed(range(len(shape))))  # the fastest axis first
    for index in range(1, len(order)):
        moving = index
        for place in range(index - 1, -1, -1):
            slower = _compare(order[place], order[moving], shape, padded)
            if slower < 0:
                break
            if slower > 0:
                order[place], order[moving] = order[moving], order[place]
                moving = place
    strides, covered = [0] * len(shape), 1
    for axis in order:
        strides[axis] = covered
        covered *= max(shape[axis], 1)
    return tuple(strides)


def _padded(shape: tuple[int, ...], own: tuple[int, ...], strides: Strides) -> Strides:
    """Return the strides of an operand along the axes of the result, 0 where it is broadcast."""
    lead = len(shape) - len(own)
    return (0,) * lead + tuple(
        0 if size == 1 and shape[lead + axis] != 1 else strides[axis]
        for axis, size in enumerate(own)
    )


def _compare(first: int, second: int, shape: tuple[int, ...], operands: Sequence[Strides]) -> int:
    """Return 1 where axis `first` varies slower in storage than `second`, -1 faster, else 0."""
    for strides in operands:
        if strides[first] == 0 or strides[second] == 0:
            continue
        if strides[first] != strides[second]:
            return 1 if strides[first] > strides[second] else -1
        if shape[first] > shape[second]:
            return 1
    return 0


def channels_last(shape: tuple[int, ...], strides: Strides, *, fewest: int = 4) -> bool:
    """Whether a batch of images or volumes lies with its channels as the fastest axis.

    With `fewest` = 3 axes it may be one of signals too.
    """
    if not fewest <= len(shape) <= _MOST_AXES or shape[1] == 1:
        return False
    expected = 1
    for axis in (1, *range(len(shape) - 1, 1, -1), 0):
        if shape[axis] == 1:
            continue
        if strides[axis] != expected:
            return False
        expected *= shape[axis]
    return True


def channels_last_strides(shape: tuple[int, ...]) -> Strides:
    """Return the strides of a new tensor whose channels are the fastest axis."""
    strides, covered = [0] * len(shape), 1
    for axis in (1, *range(len(shape) - 1, 1, -1), 0):
        strides[axis] = covered
        covered *= max(shape[axis], 1)
    return tuple(strides)
