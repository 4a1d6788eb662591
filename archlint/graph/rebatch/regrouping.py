"""The batch axis after a Reshape to constant sizes."""

from __future__ import annotations

from itertools import takewhile
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archlint.graph.rebatch.growth import Growth


def regrouped(name: str, axis: int, growth: Growth) -> int | None:
    """Return the axis of the reshaped tensor `name` that grows with `axis` of its source.

    Reshaping preserves the row-major order, so that `outer` elements precede the batch in both.
    With an old batch of 1, several axes may qualify: then it is one of size 1, at the same rank
    among ones as before; else the outermost. Features do not grow; heads do where they are moved
    to the front next, as in PyTorch's multi-head attention. Otherwise the axis is unknown.
    """
    data, target = growth.before.producers[name].inputs[0], growth.sizes(name) or ()
    within, sizes = growth.within.get(data), growth.sizes(data) or ()
    if within is None:
        return None
    outer = prod(sizes[:axis]) * within
    before = [prod(target[:k]) for k in range(len(target))]
    own = [k for k, size in enumerate(target) if before[k] == outer and size % growth.old == 0]
    exact = [k for k in own if target[k] == growth.old]
    if exact:
        return exact[_among_ones(sizes, axis, len(exact))]
    kept = [k for k in own if before[k] == prod(sizes[:axis]) and target[k] == sizes[axis]]
    if kept or (own and outer == 1):
        return (kept or own)[0]
    inside = [
        k
        for k, size in enumerate(target)
        if 0 < before[k] < outer
        and outer % before[k] == 0
        and size % (outer // before[k] * growth.old) == 0
    ]
    if own and inside and own[0] < len(target) - 1:
        return own[0] if _goes_first(name, own[0], growth) else None
    return inside[-1] if own and inside else next(iter(own or inside), None)


def _among_ones(sizes: Sequence[int], axis: int, places: int) -> int:
    """Return which of several adjacent axes of size 1 is the batch.

    The first of consecutive ones stays the first, and the last one the last: the axis of directions
    in the output of an LSTM, `[1, 1, batch, features]`, stays to the left of the batch.
    """
    if sizes[axis] != 1:
        return 0
    left = sum(1 for _ in takewhile(lambda size: size == 1, reversed(sizes[:axis])))
    right = sum(1 for _ in takewhile(lambda size: size == 1, sizes[axis + 1 :]))
    if left and not right:
        return places - 1
    return min(left, places - 1)


def _goes_first(name: str, axis: int, growth: Growth) -> bool:
    """Whether every user of a tensor moves `axis` to the front."""
    users = growth.before.consumers.get(name, [])
    return bool(users) and all(
        isinstance(perm := user.attributes.get("perm"), tuple) and perm[:1] == (axis,)
        for user in users
    )
