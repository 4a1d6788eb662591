"""Shape checks and shape arithmetic that the layers share."""

from __future__ import annotations

from archlint.frontends.architecture.site import Rejected
from archlint.frontends.architecture.tensor import Dim, Tensor

LAYOUTS = {1: "N, C, L", 2: "N, C, H, W", 3: "N, C, D, H, W"}
"""The axes of maps of one to three dimensions."""


def rank(x: Tensor) -> int:
    """Return the number of axes of `x`."""
    return len(dims(x))


def dims(x: Tensor) -> tuple[Dim, ...]:
    """Return the shape of `x`, which must be known."""
    if x.shape is None:
        raise Rejected(f"the shape of its input {x.name!r} is not known")
    return x.shape


def require_rank(x: Tensor, expected: int, layout: str) -> None:
    """Reject an `x` without `expected` axes; `layout` names them, as "N, C, H, W"."""
    if rank(x) != expected:
        message = f"takes a tensor ({layout}) of {expected} axes, found {x} of {rank(x)}"
        batched = ", ".join(("N", *map(str, dims(x))))
        is_sample = rank(x) == expected - 1
        raise Rejected(message, help=f"the batch is the first axis: [{batched}]" * is_sample)


def size(x: Tensor, axis: int, what: str) -> int:
    """Return the size of an axis of `x`, which must be a number; `what` names it."""
    shape = dims(x)
    if not -len(shape) <= axis < len(shape):
        raise Rejected(f"takes a tensor with an axis {axis}, found {x}")
    found = shape[axis]
    if not isinstance(found, int):
        raise Rejected(
            f"{what} is not known: axis {axis} of its input is "
            f"{'unknown' if found is None else repr(found)} in {x}",
            help="give that dimension of the input a number",
        )
    return found


def expect(found: int, declared: int | None, argument: str, what: str) -> None:
    """Reject a declared size that differs from the actual one."""
    if declared is not None and declared != found:
        message = f"{argument} is {declared}, but its input has {found} {what}"
        raise Rejected(message, argument, "leave it out: it follows from the input")


def per_axis(value: int | tuple[int, ...], axes: int, argument: str) -> list[int]:
    """Repeat one number for every axis, or check that there is one per axis."""
    if isinstance(value, int):
        return [value] * axes
    if len(value) == axes:
        return list(value)
    raise Rejected(f"{argument} takes one number or {axes}, found {list(value)}", argument)


def sides(value: int | tuple[int, ...], axes: int, argument: str = "padding") -> list[int]:
    """Return ONNX pads (all low sides, then all high) from one number, or one per axis or side."""
    if isinstance(value, tuple) and len(value) == 2 * axes and axes > 0:
        return list(value)
    each = per_axis(value, axes, argument)
    return [*each, *each]


def broadcast(first: Tensor, second: Tensor) -> None:
    """Reject two shapes that do not broadcast."""
    pairs = zip(reversed(dims(first)), reversed(dims(second)), strict=False)
    for one, other in pairs:
        if (
            isinstance(one, int)
            and isinstance(other, int)
            and one != other
            and 1 not in {one, other}
        ):
            raise Rejected(
                f"cannot join {first} and {second}: {one} is not {other}",
                "from",
                "bring both to the same shape, for example with a 1x1 convolution",
            )


def axis_of(x: Tensor, dim: int, argument: str = "dim") -> int:
    """Return the axis that `dim` names, counted from 0; negative ones count from the end."""
    axes = rank(x)
    if not -axes <= dim < axes:
        raise Rejected(f"{argument} is {dim}, but its input {x} has {axes} axes", argument)
    return dim % axes
